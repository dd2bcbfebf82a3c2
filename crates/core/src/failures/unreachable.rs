//! Why no connection to a registry came about, from how the operating system, Go's resolver and its TLS end their sentences.

/// Why a registry is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// In plain words.
    pub why: &'static str,
    /// Something answers there, but the caller has not been told how to speak to it.
    pub answers: bool,
}

impl Unreachable {
    /// From the cause of a failed request: what stands after the address.
    pub(super) fn of_cause(cause: &str) -> Option<Self> {
        const ENDS: [(&str, &str); 14] = [
            ("connection refused", "nothing answers there"),
            ("no such host", "there is no such host name"),
            ("server misbehaving", "its name cannot be looked up"),
            ("Temporary failure in name resolution", "its name cannot be looked up"),
            ("i/o timeout", "it does not answer in time"),
            ("TLS handshake timeout", "it does not answer in time"),
            (
                "(Client.Timeout exceeded while awaiting headers)",
                "it does not answer in time",
            ),
            ("context deadline exceeded", "it does not answer in time"),
            ("connection timed out", "it does not answer in time"),
            ("no route to host", "there is no way to it"),
            ("network is unreachable", "there is no way to it"),
            ("connection reset by peer", "it broke the connection"),
            ("broken pipe", "it broke the connection"),
            ("EOF", "it broke the connection"),
        ];
        const BEGINS: [(&str, &str); 5] = [
            ("tls: failed to verify certificate: ", "its certificate is not trusted"),
            ("x509: ", "its certificate is not trusted"),
            (
                "http: server gave HTTP response to HTTPS client",
                "it speaks plain HTTP",
            ),
            ("remote error: tls: ", "no encrypted connection comes about"),
            ("tls: ", "no encrypted connection comes about"),
        ];
        let cause = cause.trim();
        let begins = BEGINS.into_iter().find(|(words, _)| cause.starts_with(words));
        if let Some((_, why)) = begins {
            return Some(Self { why, answers: true });
        }
        let (_, why) = ENDS.into_iter().find(|(words, _)| cause.ends_with(words))?;
        Some(Self { why, answers: false })
    }

    /// What to do about it; `settings` is how to tell the caller of the registry.
    pub(crate) fn advice(self, settings: &'static str) -> &'static str {
        if self.answers {
            settings
        } else {
            "Is the name right, and does the registry run?"
        }
    }
}
