//! Error lines that name the network or the machine as the culprit, in the words of the tools that CI steps call.

/// Parts of such lines, in lower case: the words of curl, git, the C library's resolver, Node, Go, Docker Hub, Cargo and the
/// kernel for a peer, a name or a disk that is away. None that a program's own tests are likely to print.
const SIGNATURES: [&str; 18] = [
    "could not resolve host",
    "temporary failure in name resolution",
    "temporary failure resolving",
    "getaddrinfo eai_again",
    "network is unreachable",
    "no route to host",
    "no space left on device",
    "tls handshake timeout",
    "net/http: request canceled while waiting for connection",
    "toomanyrequests",
    "the remote end hung up unexpectedly",
    "early eof",
    "rpc failed; curl",
    "spurious network error",
    "the requested url returned error: 5",
    "unexpected http status: 5",
    "error 429: too many requests",
    "input/output error",
];

/// What a server, or what stands before it, answers while it is away. A program's own tests print that too, so it counts only
/// beside the address that was asked, as apt, Go, npm, pip and Cargo print it.
const AWAY: [&str; 7] = [
    "502 bad gateway",
    "503 service unavailable",
    "503  service unavailable",
    "504 gateway time",
    "http error 502",
    "http error 503",
    "http error 504",
];

/// Whether the line says that the compute or the network failed. What happens on the job's own machine (`localhost`) is the
/// job's own.
pub(super) fn is_infrastructure(line: &str) -> bool {
    let line = super::cut(line, 2000).to_ascii_lowercase();
    let own = line.contains("localhost") || line.contains("127.0.0.1") || line.contains("[::1]");
    let says = |signatures: &[&str]| signatures.iter().any(|signature| line.contains(signature));
    !own && (says(&SIGNATURES) || line.contains("://") && says(&AWAY))
}
