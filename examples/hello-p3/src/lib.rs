//! Streams its answer: the response goes out at once, its lines follow one by one.

use wasip3::clocks::monotonic_clock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

/// Lines when the path does not say how many, and the most that there are.
const LINES: u32 = 5;
const MOST_LINES: u32 = 100;
/// Between two lines, nanoseconds.
const PAUSE: u64 = 250_000_000;

wasip3::http::service::export!(Hello);

struct Hello;

impl Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let lines = lines(&request.get_path_with_query().unwrap_or_default());
        let headers = Fields::from_list(&[("content-type".into(), b"text/plain; charset=utf-8".to_vec())])
            .expect("a content type is a valid header");
        let (mut body, reader) = wit_stream::new();
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(headers, Some(reader), trailers);
        // The answer is on its way while this still runs.
        spawn_local(async move {
            for line in 1..=lines {
                if line > 1 {
                    monotonic_clock::wait_for(PAUSE).await;
                }
                let unsent =
                    body.write_all(format!("line {line} of {lines} from hello-p3\n").into_bytes()).await;
                if !unsent.is_empty() {
                    return; // The client is gone: nobody is left to tell.
                }
            }
        });
        Ok(response)
    }
}

/// How many lines the path asks for.
fn lines(path: &str) -> u32 {
    path.trim_start_matches('/').parse().map_or(LINES, |lines: u32| lines.min(MOST_LINES))
}
