//! Linux capabilities by name.

/// All that Linux knows, as of 6.x.
const KNOWN: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// The list in the engine's spelling, sorted and each once; or the first name that is none.
pub(super) fn normalize(names: &[String]) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    for name in names {
        let upper = name.trim().to_ascii_uppercase();
        let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if short.is_empty() {
            continue;
        }
        if short != "ALL" && !KNOWN.contains(&short) {
            return Err(format!(
                "There is no Linux capability {}. They are named like NET_ADMIN or CAP_NET_ADMIN; ALL means all.",
                name.trim()
            ));
        }
        list.push(short.to_owned());
    }
    list.sort_unstable();
    list.dedup();
    if list.len() > 1 && list.iter().any(|name| name == "ALL") {
        return Err("ALL stands for every capability: name no others beside it.".into());
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn spelling_is_evened_out() {
        let written = names(&["cap_net_admin", "CHOWN", " NET_ADMIN ", ""]);
        assert_eq!(normalize(&written), Ok(names(&["CHOWN", "NET_ADMIN"])));
        assert_eq!(normalize(&names(&["all"])), Ok(names(&["ALL"])));
    }

    #[test]
    fn unknown_ones_are_named() {
        assert!(normalize(&names(&["NET_ADMN"])).unwrap_err().contains("NET_ADMN"));
        assert!(normalize(&names(&["CAP_CAP_CHOWN"])).is_err());
        assert!(normalize(&names(&["ALL", "CHOWN"])).is_err());
    }
}
