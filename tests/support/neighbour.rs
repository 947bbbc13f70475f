//! A healthy function under constant load: whatever is done to the server meanwhile, it must see no error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::server::Server;

/// A load that runs until it is asked for its result.
pub struct Neighbour {
    stop: Arc<AtomicBool>,
    load: JoinHandle<Vec<Duration>>,
}

impl Neighbour {
    /// Asks that function for `/` again and again on one connection, and expects this answer.
    pub fn call(server: &Server, function: &str, expected: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, at) = (Arc::clone(&stop), server.listen);
        let request = server.request("GET", function, "/").bytes();
        let expected = expected.to_owned();
        let load = std::thread::spawn(move || {
            let mut connection = Connection::open(at);
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                connection.send(&request);
                let answer = connection.answer();
                assert_eq!(
                    (answer.status, answer.text()),
                    (200, expected.clone()),
                    "the neighbour saw an error"
                );
                times.push(begin.elapsed());
                std::thread::sleep(Duration::from_millis(2));
            }
            times
        });
        Self { stop, load }
    }

    /// Stops, and answers the times of all calls, sorted. Panics when one failed.
    pub fn stop(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.load.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        times.sort();
        assert!(!times.is_empty(), "the neighbour was never answered");
        times
    }
}
