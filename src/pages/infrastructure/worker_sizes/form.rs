//! The editor's form: what a browser can send, which is text, and the way to and from core's types.

use std::collections::BTreeMap;

use prt_types::{
    FieldError,
    worker_sizes::{WorkerSizeDetail, WorkerSizeInput, decimal, units},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::AppError,
    forms::seen_revision,
    pages::infrastructure::{check_fields, wrong_field},
};

/// A worker size as typed. Fields are named as core's errors name them, whatever their unit here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerSizeForm {
    pub name: String,
    /// In cores.
    pub cpu_millis: String,
    pub cpu_net_millis: String,
    /// In gibibytes.
    pub memory_mib: String,
    pub memory_net_mib: String,
    pub gpus: String,
    pub gpu_vram_gib: String,
    pub gpu_type: String,
    /// `key=value`, one a line.
    pub node_selector: String,
    pub security_context: String,
    pub default: bool,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    pub confirm_privileged: bool,
    /// What the editor saw; empty for a new size.
    pub revision: String,
    /// Saves although somebody else has changed it meanwhile.
    pub overwrite: bool,
}

impl WorkerSizeForm {
    /// What core takes.
    pub fn input(&self) -> Result<WorkerSizeInput, AppError> {
        let mut wrong: Vec<FieldError> = Vec::new();
        let cpu_millis = number(&mut wrong, "cpu_millis", &self.cpu_millis, 1000);
        let cpu_net_millis = number(&mut wrong, "cpu_net_millis", &self.cpu_net_millis, 1);
        let memory_mib = number(&mut wrong, "memory_mib", &self.memory_mib, 1024);
        let memory_net_mib = number(&mut wrong, "memory_net_mib", &self.memory_net_mib, 1);
        let gpus = number(&mut wrong, "gpus", &self.gpus, 1);
        let gpu_vram_gib = number(&mut wrong, "gpu_vram_gib", &self.gpu_vram_gib, 1);
        let node_selector = selector(&self.node_selector).unwrap_or_else(|message| {
            wrong.push(wrong_field("node_selector", message));
            BTreeMap::new()
        });
        check_fields(wrong)?;
        Ok(WorkerSizeInput {
            name: self.name.clone(),
            cpu_millis,
            cpu_net_millis,
            memory_mib,
            memory_net_mib,
            gpus,
            gpu_vram_gib,
            gpu_type: self.gpu_type.clone(),
            node_selector,
            security_context: self.security_context.as_str().into(),
            default: self.default,
            users: self.users.clone(),
            groups: self.groups.clone(),
            confirm_privileged: self.confirm_privileged,
            revision: seen_revision(&self.revision, self.overwrite),
        })
    }

    /// The same under another name, with access for nobody.
    pub fn copy(self) -> Self {
        Self {
            name: format!("{}-copy", self.name),
            default: false,
            users: vec![],
            groups: vec![],
            revision: String::new(),
            ..self
        }
    }

    /// A new size.
    pub fn blank() -> Self {
        Self {
            gpus: "0".into(),
            gpu_vram_gib: "0".into(),
            security_context: "Default".into(),
            ..Self::default()
        }
    }
}

/// Empty is zero, which core refuses where it makes no sense.
fn number(wrong: &mut Vec<FieldError>, field: &str, text: &str, unit: i64) -> i64 {
    if text.trim().is_empty() {
        return 0;
    }
    let whole_only = unit == 1 && text.contains('.');
    units(text, unit).filter(|_| !whole_only).unwrap_or_else(|| {
        let kind = if unit == 1 { "whole number" } else { "number" };
        wrong.push(wrong_field(field, format!("{} is not a {kind}.", text.trim())));
        0
    })
}

fn selector(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in lines {
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("Line {} has no \"=\": key=value is expected.", at + 1))?;
        if pairs.insert(key.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(format!("{} is there twice.", key.trim()));
        }
    }
    Ok(pairs)
}

impl From<WorkerSizeDetail> for WorkerSizeForm {
    fn from(detail: WorkerSizeDetail) -> Self {
        let size = detail.size;
        let lines: Vec<String> = size
            .node_selector
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Self {
            name: size.name,
            cpu_millis: decimal(size.cpu_millis, 1000),
            cpu_net_millis: size.cpu_net_millis.to_string(),
            memory_mib: decimal(size.memory_mib, 1024),
            memory_net_mib: size.memory_net_mib.to_string(),
            gpus: size.gpus.to_string(),
            gpu_vram_gib: size.gpu_vram_gib.to_string(),
            gpu_type: size.gpu_type,
            node_selector: lines.join("\n"),
            security_context: size.security_context.into(),
            default: size.default,
            users: detail.users,
            groups: detail.groups,
            confirm_privileged: false,
            revision: detail.revision.to_string(),
            overwrite: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_cores_parts() {
        let form = WorkerSizeForm {
            cpu_millis: "0.5".into(),
            memory_mib: "1.5".into(),
            node_selector: "disk=ssd\r\n\r\nzone = a\r\n".into(),
            ..WorkerSizeForm::blank()
        };
        let input = form.input().unwrap();
        assert_eq!((input.cpu_millis, input.memory_mib), (500, 1536));
        assert_eq!(input.node_selector.len(), 2);
        assert_eq!(input.node_selector["zone"], "a");
    }

    #[test]
    fn what_cannot_be_read_is_said_at_its_field() {
        let form = WorkerSizeForm {
            cpu_millis: "two".into(),
            gpus: "1.5".into(),
            node_selector: "disk".into(),
            ..WorkerSizeForm::blank()
        };
        let error = form.input().unwrap_err().0;
        assert_eq!(error.field("cpu_millis"), Some("two is not a number."));
        assert_eq!(error.field("gpus"), Some("1.5 is not a whole number."));
        assert!(error.field("node_selector").is_some());
    }
}
