//! The keys that somebody presses: read one by one, without showing them, while a terminal is there.

use std::{
    io::{self, IsTerminal as _, Read as _},
    sync::mpsc::Sender,
};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

use super::Message;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `a`: add the grants that were missing.
    Add,
    /// `r`: build everything again.
    Rebuild,
    /// `q`, or the end of the input.
    Quit,
}

impl Key {
    /// What a byte of the terminal means.
    fn of(byte: u8) -> Option<Self> {
        match byte {
            b'a' | b'A' => Some(Self::Add),
            b'r' | b'R' => Some(Self::Rebuild),
            // Ctrl-D; Ctrl-C stays a signal.
            b'q' | b'Q' | 0x04 => Some(Self::Quit),
            _ => None,
        }
    }
}

/// A terminal that gives keys at once; it is as before when this is dropped.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// Begins to read keys; `None` when there is no terminal, or when it is another program's turn there.
    pub(super) fn start(messages: Sender<Message>) -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut single = before.clone();
        // Lines, signals and what is written stay as they are: only the wait for a line's end and the echo go.
        single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &single).ok()?;
        // It reads until the process ends.
        std::thread::spawn(move || read(&messages));
        Some(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

fn read(messages: &Sender<Message>) {
    for byte in io::stdin().lock().bytes() {
        let Ok(byte) = byte else { return };
        if let Some(key) = Key::of(byte)
            && messages.send(Message::Pressed(key)).is_err()
        {
            return;
        }
    }
    // The terminal is gone.
    let _ = messages.send(Message::Pressed(Key::Quit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(Key::of(b'a'), Some(Key::Add));
        assert_eq!(Key::of(b'R'), Some(Key::Rebuild));
        assert_eq!([Key::of(b'q'), Key::of(4)], [Some(Key::Quit); 2]);
        assert_eq!([Key::of(b'x'), Key::of(b'\n')], [None; 2]);
    }
}
