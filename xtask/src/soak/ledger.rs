//! What the clients of a soak know: which deploys they have sent, and which of them were acknowledged.

use std::collections::BTreeMap;

/// One client's view of its function. Deploys carry numbers: 1, 2, 3 … as the value of an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Number of the latest deploy that was sent.
    pub(crate) sent: u64,
    /// The latest acknowledged deploy, if any.
    pub(crate) acknowledged: Option<Acknowledged>,
    /// How many deploys were acknowledged.
    pub(crate) acknowledgements: u64,
    /// Deploy of every revision whose number is known.
    pub(crate) revisions: BTreeMap<u64, u64>,
}

/// A deploy that the server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// Number of the deploy.
    pub(crate) deploy: u64,
    /// Revision that the server named.
    pub(crate) revision: u64,
}

impl Ledger {
    /// Notes that the next deploy is being sent; its number.
    pub(crate) fn send(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// Notes the server's answer to the latest deploy.
    pub(crate) fn acknowledge(&mut self, revision: u64) {
        self.acknowledgements += 1;
        self.acknowledged = Some(Acknowledged { deploy: self.sent, revision });
        self.revisions.insert(revision, self.sent);
    }

    /// Compares what is found after a start with what is known. `found` is the active revision and the deploy it serves.
    pub(crate) fn judge(&self, found: Option<Acknowledged>) -> Result<(), String> {
        match (self.acknowledged, found) {
            (None, None) => Ok(()),
            (Some(known), None) => {
                Err(format!("deploy {} was acknowledged and the function is gone", known.deploy))
            }
            (_, Some(found)) if found.deploy > self.sent || found.deploy == 0 => Err(format!(
                "it serves deploy {}, which was never sent (the latest is {})",
                found.deploy, self.sent
            )),
            (Some(known), Some(found)) if found.deploy < known.deploy || found.revision < known.revision => {
                Err(format!(
                    "deploy {} was acknowledged as revision {}; it serves deploy {} as revision {}",
                    known.deploy, known.revision, found.deploy, found.revision
                ))
            }
            (_, Some(found)) => match self.revisions.get(&found.revision) {
                Some(&deploy) if deploy != found.deploy => Err(format!(
                    "revision {} was acknowledged for deploy {deploy}; it serves deploy {}",
                    found.revision, found.deploy
                )),
                _ => Ok(()),
            },
        }
    }

    /// Takes what was found after a start as known: it has been shown to be there, so it must stay.
    pub(crate) fn accept(&mut self, found: Option<Acknowledged>) {
        if let Some(found) = found {
            self.acknowledged = Some(found);
            self.revisions.insert(found.revision, found.deploy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges() {
        let found = |deploy, revision| Some(Acknowledged { deploy, revision });
        let mut ledger = Ledger::default();
        assert_eq!(ledger.judge(None), Ok(()));
        assert!(ledger.judge(found(1, 1)).is_err(), "nothing was sent");
        for revision in 1..=3 {
            ledger.send();
            ledger.acknowledge(revision);
        }
        ledger.send();
        assert!(ledger.judge(None).is_err(), "gone");
        assert!(ledger.judge(found(2, 2)).is_err(), "older than acknowledged");
        assert!(ledger.judge(found(4, 2)).is_err(), "revision went back");
        assert!(ledger.judge(found(4, 3)).is_err(), "another deploy under the same number");
        assert!(ledger.judge(found(5, 5)).is_err(), "never sent");
        assert_eq!(ledger.judge(found(3, 3)), Ok(()));
        assert_eq!(ledger.judge(found(4, 4)), Ok(()), "sent and not acknowledged: either is right");
    }
}
