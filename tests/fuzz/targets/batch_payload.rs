//! Payloads of batches: the law of that name, on what libFuzzer makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    supplysync_laws::check("batch_payload", input);
});
