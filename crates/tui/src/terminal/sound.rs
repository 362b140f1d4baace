//! Sounds for what waits for the user (reference `tui.md` §13, §14): a file of the user's, or a few notes of our
//! own, by a player of the system. Without one nothing is heard.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use opencode_config::Environment;
use opencode_config::tui::Attention;
use tokio::process::Command;

/// How long a player may take; longer sounds are cut.
const PATIENCE: Duration = Duration::from_secs(10);

/// Samples a second of our own sounds.
const RATE: u32 = 22_050;

/// Notes of a sound: hertz and milliseconds.
type Notes = &'static [(f64, u32)];

/// Our own sounds by the names of configuration.
const SOUNDS: &[(&str, Notes)] = &[
    ("default", &[(660.0, 120)]),
    ("question", &[(587.3, 110), (784.0, 160)]),
    ("permission", &[(659.3, 110), (659.3, 160)]),
    ("error", &[(311.1, 160), (233.1, 240)]),
    ("done", &[(523.3, 90), (659.3, 90), (784.0, 180)]),
    ("subagent_done", &[(659.3, 80), (784.0, 120)]),
];

/// Plays the sound of a name (`question`, `permission`, `error`, `done`, `subagent_done`), if sounds are on. Our own
/// ones are kept below `cache`. Whether something was played is told.
pub(crate) async fn play(name: &str, attention: &Attention, environment: &Environment, cache: &Path) -> bool {
    if !attention.enabled || !attention.sound || attention.volume <= 0.0 {
        return false;
    }
    let chosen = attention
        .sounds
        .get(name)
        .or_else(|| attention.sounds.get("default"));
    let file = match chosen {
        Some(file) => file.clone(),
        None => match own(name, cache) {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(%error, "a sound could not be made");
                return false;
            }
        },
    };
    for line in players(&file, attention.volume) {
        if run(&line, environment).await {
            return true;
        }
    }
    false
}

/// The file of one of our own sounds.
fn own(name: &str, cache: &Path) -> std::io::Result<PathBuf> {
    let known = SOUNDS.iter().find(|(known, _)| *known == name);
    let (name, notes) = known.or(SOUNDS.first()).copied().unwrap_or(("default", &[]));
    let folder = cache.join("sounds");
    let path = folder.join(format!("{name}.wav"));
    if path.is_file() {
        return Ok(path);
    }
    fs_err::create_dir_all(&folder)?;
    // At once, because another program may want it at the same time.
    let written = folder.join(format!("{name}.{}", std::process::id()));
    fs_err::write(&written, wave(notes))?;
    fs_err::rename(&written, &path)?;
    Ok(path)
}

/// Notes as a WAV file: one channel of 16 bits.
fn wave(notes: Notes) -> Vec<u8> {
    let mut samples = Vec::new();
    for (hertz, milliseconds) in notes {
        let count = RATE * milliseconds / 1000;
        for at in 0..count {
            let time = f64::from(at) / f64::from(RATE);
            let part = f64::from(at) / f64::from(count);
            // It swells for a moment and fades, so that nothing clicks.
            let loudness = (part * 20.0).min(1.0) * (1.0 - part).powi(2);
            let tone = (TAU * hertz * time).sin() + 0.3 * (2.0 * TAU * hertz * time).sin();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is far below the largest sample"
            )]
            let sample = (tone * loudness * 16_000.0) as i16;
            samples.extend(sample.to_le_bytes());
        }
    }
    let length = u32::try_from(samples.len()).unwrap_or_default();
    let mut file = Vec::with_capacity(samples.len() + 44);
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}

/// Command lines that play a file, the best one first.
fn players(file: &Path, volume: f64) -> Vec<Vec<String>> {
    let volume = volume.clamp(0.0, 1.0);
    let path = file.display().to_string();
    let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if cfg!(target_os = "macos") {
        return vec![line(&["afplay", "-v", &format!("{volume:.2}"), &path])];
    }
    if cfg!(windows) {
        let quoted = path.replace('\'', "''");
        let script = format!("(New-Object Media.SoundPlayer '{quoted}').PlaySync()");
        return vec![line(&[
            "powershell.exe",
            "-NoProfile",
            "-NonInteractive",
            "-Command",
            &script,
        ])];
    }
    vec![
        line(&["pw-play", &format!("--volume={volume:.2}"), &path]),
        // 65536 is as it was recorded.
        line(&["paplay", &format!("--volume={:.0}", volume * 65_536.0), &path]),
        line(&["aplay", "-q", &path]),
    ]
}

async fn run(line: &[String], environment: &Environment) -> bool {
    let Some((name, arguments)) = line.split_first() else {
        return false;
    };
    let mut command = Command::new(name);
    command
        .args(arguments)
        .envs(environment.iter())
        .kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    ended.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn attention() -> Attention {
        Attention {
            enabled: true,
            ..Attention::default()
        }
    }

    /// A folder with players that write down what they were asked to play.
    fn with_players(players: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, status) in players {
            let path = folder.path().join(name);
            let script = format!(
                "#!/bin/sh\necho \"{name} $@\" >> {}/log\nexit {status}\n",
                folder.path().display()
            );
            fs_err::write(&path, script).unwrap();
            fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let path = folder.path().display().to_string();
        let environment = [("PATH".to_owned(), path)].into_iter().collect();
        (folder, environment)
    }

    #[tokio::test]
    async fn the_first_player_that_can_plays() {
        let (folder, environment) = with_players(&[("paplay", "1"), ("aplay", "0")]);
        let cache = folder.path().join("cache");
        assert!(play("done", &attention(), &environment, &cache).await);
        let file = cache.join("sounds/done.wav");
        assert!(fs_err::read(&file).unwrap().starts_with(b"RIFF"));
        let log = fs_err::read_to_string(folder.path().join("log")).unwrap();
        let file = file.display();
        assert_eq!(log, format!("paplay --volume=26214 {file}\naplay -q {file}\n"));
    }

    #[tokio::test]
    async fn files_of_the_user_come_first() {
        let (folder, environment) = with_players(&[("pw-play", "0")]);
        let mut attention = attention();
        attention.sounds.insert("default".into(), "/d.wav".into());
        attention.sounds.insert("error".into(), "/e.wav".into());
        attention.volume = 1.0;
        for name in ["error", "question"] {
            assert!(play(name, &attention, &environment, folder.path()).await);
        }
        let log = fs_err::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(
            log,
            "pw-play --volume=1.00 /e.wav\npw-play --volume=1.00 /d.wav\n"
        );
    }

    #[tokio::test]
    async fn silence() {
        let (folder, environment) = with_players(&[("aplay", "0")]);
        let cases = [
            ("off", Attention::default()),
            (
                "no sound",
                Attention {
                    sound: false,
                    ..attention()
                },
            ),
            (
                "no volume",
                Attention {
                    volume: 0.0,
                    ..attention()
                },
            ),
        ];
        for (name, attention) in cases {
            assert!(
                !play("done", &attention, &environment, folder.path()).await,
                "{name}"
            );
        }
        assert!(!folder.path().join("log").exists());
        let (folder, environment) = with_players(&[]);
        assert!(
            !play("done", &attention(), &environment, folder.path()).await,
            "no player"
        );
    }

    #[test]
    fn our_own_sounds_are_short_and_soft() {
        for (name, notes) in SOUNDS {
            let file = wave(notes);
            let samples = file[44..]
                .chunks(2)
                .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            let loudest = samples.map(i16::unsigned_abs).max().unwrap();
            assert!((4_000..24_000).contains(&loudest), "{name}: {loudest}");
            assert!(file.len() < 40_000, "{name}");
        }
    }
}
