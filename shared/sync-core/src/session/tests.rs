//! Tests of the session machines against any input.
