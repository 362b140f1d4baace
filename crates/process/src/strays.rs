//! Programs that a child started and that left its group: those that made a session of their own.
//!
//! The system tells who started whom only while both are there; on Linux it can be read at any moment. Elsewhere
//! only the group is known.

/// Programs that left the group of the child that started them.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    #[cfg(target_os = "linux")]
    all: Vec<linux::Stray>,
}

#[cfg(not(target_os = "linux"))]
impl Strays {
    pub(crate) fn of(_child: u32) -> Self {
        Self::default()
    }

    pub(crate) fn join(&mut self, _others: Self) {}

    pub(crate) fn terminate(&self) {}

    pub(crate) fn kill(&self) {}

    pub(crate) fn are_gone(&mut self) -> bool {
        true
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::Strays;

    /// A process; its start tells it from a later one with its number.
    #[derive(Debug, PartialEq)]
    pub(super) struct Stray {
        id: i32,
        started: u64,
    }

    /// What the system says of a process.
    struct Facts {
        state: char,
        parent: i32,
        group: i32,
        started: u64,
    }

    fn facts(id: i32) -> Option<Facts> {
        let stat = fs_err::read(format!("/proc/{id}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // `pid (name) state parent group …`; the name may hold anything, also `)`.
        let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        // The 22nd of all fields.
        let started = fields.nth(16)?.parse().ok()?;
        Some(Facts {
            state,
            parent,
            group,
            started,
        })
    }

    impl Strays {
        /// Those of a child that leads its group.
        pub(crate) fn of(child: u32) -> Self {
            let (Ok(child), Ok(processes)) = (i32::try_from(child), fs_err::read_dir("/proc")) else {
                return Self::default();
            };
            let all: Vec<(i32, Facts)> = processes
                .flatten()
                .filter_map(|process| process.file_name().to_str()?.parse().ok())
                .filter_map(|id| Some((id, facts(id)?)))
                .collect();
            let mut family = vec![child];
            let mut next = 0;
            while let Some(parent) = family.get(next).copied() {
                next += 1;
                let children = all.iter().filter(|(_, facts)| facts.parent == parent);
                let children: Vec<i32> = children
                    .map(|(id, _)| *id)
                    .filter(|id| !family.contains(id))
                    .collect();
                family.extend(children);
            }
            let strays = all
                .into_iter()
                .filter(|(id, facts)| *id != child && family.contains(id) && facts.group != child)
                .map(|(id, facts)| Stray {
                    id,
                    started: facts.started,
                });
            Self {
                all: strays.collect(),
            }
        }

        /// Adds others.
        pub(crate) fn join(&mut self, others: Self) {
            for stray in others.all {
                if !self.all.contains(&stray) {
                    self.all.push(stray);
                }
            }
        }

        pub(crate) fn terminate(&self) {
            self.signal(Signal::SIGTERM);
        }

        pub(crate) fn kill(&self) {
            self.signal(Signal::SIGKILL);
        }

        fn signal(&self, signal: Signal) {
            for stray in self.all.iter().filter(|stray| stray.is_there()) {
                if let Err(error) = kill(Pid::from_raw(stray.id), signal) {
                    tracing::debug!(%error, id = stray.id, %signal, "could not signal a program");
                }
            }
        }

        /// Whether nobody of them is left.
        pub(crate) fn are_gone(&mut self) -> bool {
            self.all.retain(Stray::is_there);
            self.all.is_empty()
        }
    }

    impl Stray {
        fn is_there(&self) -> bool {
            facts(self.id)
                .is_some_and(|facts| facts.started == self.started && !matches!(facts.state, 'Z' | 'X'))
        }
    }
}
