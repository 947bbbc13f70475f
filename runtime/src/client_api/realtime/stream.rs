//! A stream: what a feed tells, written for one client. A task of its own, which sleeps while nothing happens.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use store::realtime::{Batch, Feed};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};

use super::blocks::Blocks;
use super::{Load, Room};

/// What is written at once, bytes; events are not cut.
const PIECE_BYTES: usize = 64 << 10;
/// A client that takes nothing for this long is given up.
const STALL: Duration = Duration::from_secs(60);
/// When a client comes again: at once with another token; later where the server ends, or where it was too slow.
const SOON_MS: u64 = 10;
const LATER_MS: u64 = 1_000;

/// A stream. What it holds is free when it ends.
pub(super) struct Stream {
    pub(super) feed: Feed,
    /// What the client calls its subscriptions.
    pub(super) names: Vec<String>,
    pub(super) to: mpsc::Sender<Bytes>,
    /// Turns true when the server ends.
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) _room: (Room, Load),
}

/// Why nothing more is written.
enum End {
    /// The client is gone, or takes nothing.
    Gone,
    /// It may come again after so many milliseconds, and go on behind what it was told last.
    Again(u64),
}

impl Stream {
    /// Writes until the client is gone, the time is over, the server ends, or the client is too slow.
    pub(super) async fn run(mut self, life: Duration) {
        let mut life = Box::pin(sleep(life));
        let end = loop {
            tokio::select! {
                biased;
                () = self.to.closed() => break End::Gone,
                end = ended(&mut self.stopping, &mut life) => break end,
                batch = self.feed.next() => {
                    let Some(batch) = batch else { break End::Again(LATER_MS) };
                    if let Err(end) = self.write(batch, &mut life).await {
                        break end;
                    }
                }
            }
        };
        if let End::Again(wait_ms) = end {
            let mut blocks = Blocks::default();
            blocks.retry(wait_ms);
            // What a slow client was sent before waits in front of this.
            drop(self.feed);
            let _ = timeout(STALL, self.to.send(blocks.take())).await;
        }
    }

    async fn write(&mut self, batch: Batch, life: &mut Pin<Box<Sleep>>) -> Result<(), End> {
        let mut blocks = Blocks::default();
        let mut last = None;
        for told in batch.told {
            let name = self.names.get(told.topic).map_or("", String::as_str);
            let id = told.mark.map(|mark| self.feed.id(mark));
            blocks.event(name, told.event, id.as_deref());
            last = told.mark.or(last);
            if blocks.len() >= PIECE_BYTES {
                self.send(blocks.take(), life).await?;
            }
        }
        if let Some(mark) = batch.mark.filter(|mark| Some(*mark) != last) {
            blocks.place(&self.feed.id(mark));
        }
        if blocks.len() > 0 { self.send(blocks.take(), life).await } else { Ok(()) }
    }

    async fn send(&mut self, piece: Bytes, life: &mut Pin<Box<Sleep>>) -> Result<(), End> {
        tokio::select! {
            sent = timeout(STALL, self.to.send(piece)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(End::Gone),
            },
            end = ended(&mut self.stopping, life) => Err(end),
        }
    }
}

/// Waits until the server ends, or the time of whoever asked is over.
async fn ended(stopping: &mut watch::Receiver<bool>, life: &mut Pin<Box<Sleep>>) -> End {
    tokio::select! {
        _ = stopping.wait_for(|stopping| *stopping) => End::Again(LATER_MS),
        () = life => End::Again(SOON_MS),
    }
}
