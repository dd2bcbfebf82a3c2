//! A refusal reaches whoever is still sending.
//!
//! A connection that is closed while bytes of the request are on their way is reset, and a reset takes the answer with it. So what
//! nobody reads of a body is read on for a while and thrown away; nginx calls this `lingering_close`, and the times are its.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

/// How long it is read on altogether.
const LONGEST: Duration = Duration::from_secs(30);
/// How long without a byte.
const SILENCE: Duration = Duration::from_secs(5);

/// For every request.
pub async fn read_on(request: Request) -> Request {
    // Who waits for leave to send has nothing on its way before the first byte is asked for.
    let coming = !request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(Lingering { body, coming }))
}

struct Lingering {
    body: Body,
    coming: bool,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.coming = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.coming = matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.coming || self.body.is_end_stream() {
            return;
        }
        let mut rest = std::mem::take(&mut self.body).into_data_stream();
        // Without a runtime there is no connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LONGEST, async move {
                while let Ok(Some(Ok(_))) = timeout(SILENCE, rest.next()).await {}
            }));
        }
    }
}
