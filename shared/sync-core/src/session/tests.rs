//! Tests of the machines: laws that hold for any input whatever, and what each role does step by step.

mod any_input;
mod exchange;
mod fixture;
mod handshake;
mod laws;
