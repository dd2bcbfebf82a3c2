//! Commands that the Python package runs in its own worker, through the console's interface for commands and as the worker's user. There the
//! first word [`NAME`] stands for the agent, wherever it is.
//!
//! | command | does | prints |
//! |---|---|---|
//! | `tool place FROM TO` | copies what is in folder FROM into folder TO and makes that; `~` is the home | the absolute folder |
//! | `tool pack SOURCE FOLDER SIZE` | packs a file or folder as tar into FOLDER, as files `part.aaaaaa`, `part.aaaaab`, … of at most SIZE bytes | their number |
//! | `tool remove FOLDER` | removes a folder, if it is there | |
//! | `tool run TASK PROGRAM...` | runs a program in folder `files` of folder TASK below the home; it outlives the command | |
//! | `tool check TASK` | | `running`, `ended CODE`, `lost` or `none`, a line end, and the last 64 KiB of the program's output |
//! | `tool processes` | | a line for each process: id, parent, user, CPU percent, memory percent, seconds, command line |
//! | `tool kill ID...` | sends SIGTERM | |
//!
//! A failure is exit code 1 or 2 and a sentence on standard error.

/// Stands for the agent as the first word of a command.
pub const NAME: &str = "prt-agent";
/// The first argument.
pub const TOOL: &str = "tool";
