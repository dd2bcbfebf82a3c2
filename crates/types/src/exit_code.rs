//! How a process ended, in words that are the same in every door.

/// `exit code 137 (SIGKILL)`: engines and shells tell a signal as 128 and its number. The numbers are Linux'.
pub fn exit_code_words(code: i64) -> String {
    let signal = match code - 128 {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("exit code {code}"),
    };
    format!("exit code {code} ({signal})")
}

#[cfg(test)]
mod tests {
    use super::exit_code_words;

    #[test]
    fn signals_have_names() {
        assert_eq!(exit_code_words(139), "exit code 139 (SIGSEGV)");
        for code in [0, 1, 127, 128, 255] {
            assert_eq!(exit_code_words(code), format!("exit code {code}"));
        }
    }
}
