//! The use cases: receive, plan, start, poll, results, sweep, cancel. Each is a function over ports; a Lambda and the local
//! command call the same one.

pub mod ports;
