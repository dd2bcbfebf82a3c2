//! Tests against the real engine: `DOCKER_HOST`, or the default socket. Without one they fail and say how to get it.

mod docker;
mod hanging;
mod installation;
mod registry;
