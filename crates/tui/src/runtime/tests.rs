//! The face on a terminal, when something in it goes wrong.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use opencode_config::{Environment, Paths};
use portable_pty::{MasterPty, PtySize, native_pty_system};

use super::*;

const SIZE: PtySize = PtySize {
    rows: 24,
    cols: 80,
    pixel_width: 0,
    pixel_height: 0,
};
const LIMIT: Duration = Duration::from_secs(20);

/// The side of a terminal that a person sees: what is on it now, and keys for it.
struct Person {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    _master: Box<dyn MasterPty + Send>,
}

impl Person {
    fn new() -> (Self, Terminal, OwnedFd) {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let name = pair.master.tty_name().unwrap();
        let slave = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap();
        let slave: OwnedFd = slave.into_parts().0.into();
        let input = slave.try_clone().unwrap();
        let screen = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
        let screen = Arc::new(Mutex::new(screen));
        let mut seen = pair.master.try_clone_reader().unwrap();
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length) = seen.read(&mut piece) {
                if length == 0 {
                    return;
                }
                shown.lock().unwrap().process(&piece[..length]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let person = Self {
            screen,
            keys,
            _master: pair.master,
        };
        (person, Terminal::on(slave).unwrap(), input)
    }

    fn screen(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    async fn sees(&self, text: &str) {
        let end = Instant::now() + LIMIT;
        while !self.screen().contains(text) {
            assert!(Instant::now() < end, "no {text:?} on\n{}", self.screen());
            tokio::task::yield_now().await;
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }
}

fn options(home: &std::path::Path, connect: LocalBoxFuture<'static, Result<Client, String>>) -> Options {
    let home = home.display().to_string();
    let breaks = (crate::app::BREAKS.to_owned(), "1".to_owned());
    let environment: Environment = [("HOME".to_owned(), home), breaks].into_iter().collect();
    let paths = Paths::new(&environment);
    let folder = PathBuf::from("/home/me/demo").display().to_string();
    Options {
        settings: Settings::read(&environment, &paths, folder, "1.0.0".to_owned()),
        arguments: Arguments::default(),
        connect,
    }
}

#[tokio::test]
async fn a_mistake_in_the_state_can_be_survived() {
    let home = tempfile::tempdir().unwrap();
    let (mut person, device, input) = Person::new();
    let options = options(home.path(), Box::pin(std::future::pending()));
    let story = async {
        person.sees("Ask anything").await;
        person.types("keep this");
        person.sees("keep this").await;
        // A key that breaks the state, as a mistake in it would.
        person.types("\x0f");
        person.sees("on purpose").await;
        person.sees("opencode.log").await;
        person.types("r");
        person.sees("keep this").await;
        person.types("\x0f");
        person.sees("on purpose").await;
        person.types("q");
    };
    let (exit, ()) = tokio::join!(run_on(device, input, options), story);
    let reason = exit.unwrap().reason.unwrap();
    assert!(
        reason.contains("on purpose") && reason.contains("opencode.log"),
        "{reason}"
    );
    assert!(!person.screen.lock().unwrap().screen().alternate_screen());
}

#[tokio::test]
async fn a_mistake_elsewhere_ends_it_calmly() {
    let home = tempfile::tempdir().unwrap();
    let (_person, device, input) = Person::new();
    let options = options(
        home.path(),
        Box::pin(async { panic!("in the way to the server") }),
    );
    let reason = run_on(device, input, options).await.unwrap().reason.unwrap();
    assert!(reason.contains("in the way to the server"), "{reason}");
}
