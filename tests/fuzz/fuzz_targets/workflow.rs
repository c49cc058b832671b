#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checkmill_fuzz::workflow(data));
