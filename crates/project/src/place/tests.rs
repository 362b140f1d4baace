//! What places promise while folders are swapped for links.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

struct Ground(tempfile::TempDir);

impl Ground {
    /// `inside/folder/file` and `outside/file`.
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir_all(ground.path("inside/folder")).unwrap();
        fs_err::create_dir_all(ground.path("outside")).unwrap();
        fs_err::write(ground.path("inside/folder/file"), "in").unwrap();
        fs_err::write(ground.path("outside/file"), "out").unwrap();
        ground
    }

    fn path(&self, path: &str) -> PathBuf {
        fs_err::canonicalize(self.0.path()).unwrap().join(path)
    }
}

#[test]
fn links_are_followed_once() {
    let ground = Ground::new();
    symlink("../outside", ground.path("inside/out")).unwrap();
    symlink(ground.path("inside/folder"), ground.path("inside/absolute")).unwrap();
    symlink("out/../inside/folder/new", ground.path("inside/dangling")).unwrap();
    symlink("circle", ground.path("inside/circle")).unwrap();
    for (path, name, target) in [
        ("inside/folder/file", "inside/folder/file", "inside/folder/file"),
        ("inside/out", "inside/out", "outside"),
        ("inside/out/new/file", "outside/new/file", "outside/new/file"),
        ("inside/absolute/file", "inside/folder/file", "inside/folder/file"),
        ("inside/dangling", "inside/dangling", "inside/folder/new"),
        (
            "inside/folder/file/below",
            "inside/folder/file/below",
            "inside/folder/file/below",
        ),
    ] {
        let place = Place::of(&ground.path(path)).unwrap();
        assert_eq!(
            (place.name(), place.target()),
            (&*ground.path(name), &*ground.path(target)),
            "{path}"
        );
    }
    assert!(Place::of(&ground.path("inside/circle")).is_err());
    assert_eq!(
        Place::of(Path::new("/")).unwrap().kind().unwrap(),
        Some(Kind::Folder)
    );
    let nothing = Place::of(&ground.path("inside/folder/file/below")).unwrap();
    assert_eq!(nothing.kind().unwrap(), None);
}

#[test]
fn a_link_that_comes_later_is_not_followed() {
    let ground = Ground::new();
    let place = Place::of(&ground.path("inside/folder/file")).unwrap();
    fs_err::rename(ground.path("inside/folder"), ground.path("inside/old")).unwrap();
    symlink(ground.path("outside"), ground.path("inside/folder")).unwrap();
    assert!(place.kind().is_err());
    assert!(place.open_regular().is_err());
    assert!(place.make_parent().is_err());
    assert!(place.remove().is_err());
    for make in [false, true] {
        let refused = Folder::step_by_step(&ground.path("inside/folder"), make).unwrap_err();
        assert!(refused.to_string().contains("a link"), "{refused}");
    }
    // The same for the last part.
    let place = Place::of(&ground.path("inside/old/file")).unwrap();
    fs_err::remove_file(ground.path("inside/old/file")).unwrap();
    symlink(ground.path("outside/file"), ground.path("inside/old/file")).unwrap();
    assert!(place.kind().is_err());
    assert!(place.open_regular().is_err());
    let (folder, name) = place.make_parent().unwrap();
    assert!(folder.open_for_writing(name).is_err());
    assert_eq!(
        fs_err::read_to_string(ground.path("outside/file")).unwrap(),
        "out"
    );
}

#[test]
fn one_folder_after_the_other_does_the_same() {
    let ground = Ground::new();
    let folder = Folder::step_by_step(&ground.path("inside/new/deep"), true).unwrap();
    let mut file = folder.create(OsStr::new("file"), false).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(
        fs_err::read_to_string(ground.path("inside/new/deep/file")).unwrap(),
        "new"
    );
    let missing = Folder::step_by_step(&ground.path("inside/none"), false).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let file = Folder::step_by_step(&ground.path("inside/folder/file"), false).unwrap_err();
    assert_eq!(file.kind(), io::ErrorKind::NotADirectory);
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_touched_outside_while_a_folder_is_swapped_for_a_link() {
    use rustix::fs::{CWD, RenameFlags};
    const TRIES: usize = 20_000;
    let ground = Ground::new();
    let over = AtomicBool::new(false);
    let folder = ground.path("inside/folder");
    let mut done = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let link = ground.path("inside/link");
            symlink(ground.path("outside"), &link).unwrap();
            while !over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..TRIES {
            let place = Place::of(&folder.join("file")).unwrap();
            // As whoever asks for permission: this one leads out, nobody would allow it.
            if !place.target().starts_with(ground.path("inside")) {
                continue;
            }
            if let Ok(mut file) = place.open_regular() {
                let mut text = String::new();
                io::Read::read_to_string(&mut file, &mut text).unwrap();
                assert_eq!(text, "in");
                done[0] += 1;
            }
            let written = place.make_parent().and_then(|(folder, _)| {
                let name = OsString::from(format!("new-{round}"));
                folder.create(&name, false)?;
                folder.remove(&name)
            });
            done[1] += usize::from(written.is_ok());
            for opened in [true, false] {
                let folder = ground.path("inside/folder");
                let opened = if opened {
                    Folder::open(&folder)
                } else {
                    Folder::step_by_step(&folder, false)
                };
                if let Ok(folder) = opened {
                    let name = OsString::from(format!("probe-{round}"));
                    folder.create(&name, true).unwrap();
                    folder.remove(&name).unwrap();
                    assert!(folder.open_regular(OsStr::new("file")).is_ok_and(|mut file| {
                        let mut text = String::new();
                        io::Read::read_to_string(&mut file, &mut text).unwrap();
                        text == "in"
                    }));
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(done.iter().all(|count| *count > 0), "{done:?}");
    let outside: Vec<_> = fs_err::read_dir(ground.path("outside")).unwrap().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
}
