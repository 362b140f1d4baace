//! Plugins from folders and from packed packages, without a network.

use pretty_assertions::assert_eq;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A home with a folder of plugins in it.
struct Home {
    folder: TempDir,
    place: Place,
}

impl Home {
    /// Nothing where there is no program that runs plugins.
    async fn new() -> Option<Self> {
        Self::with(&Environment::capture()).await
    }

    async fn with(environment: &Environment) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let home = folder.path().display().to_string();
        // Nothing may come from a network.
        let nowhere = "http://127.0.0.1:1";
        let own = [
            ("HOME", home.as_str()),
            ("XDG_CACHE_HOME", ""),
            ("XDG_STATE_HOME", ""),
            ("npm_config_registry", nowhere),
            ("npm_config_fetch_retries", "0"),
            ("npm_config_cache", &format!("{home}/npm")),
            ("BUN_INSTALL_CACHE_DIR", &format!("{home}/bun")),
            ("BUN_CONFIG_REGISTRY", nowhere),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = environment.with(own);
        let runtime = match Runtime::find(&environment).await {
            Ok(runtime) => runtime,
            Err(missing) => {
                eprintln!("left out: {missing}");
                return None;
            }
        };
        let place = Place {
            paths: Paths::new(&environment),
            environment,
            version: "1.18.33",
            runtime,
        };
        Some(Self { folder, place })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    async fn one(&self, entry: Value) -> Option<Result<Resolved, Fault>> {
        resolve(&[entry], &self.place).await.pop()
    }

    /// The entry below the folder, `-` for none, or the fault.
    async fn shown(&self, spec: &str) -> String {
        match self.one(json!(spec)).await {
            None => "-".to_owned(),
            Some(Ok(found)) => found
                .entry
                .strip_prefix(self.folder.path())
                .unwrap()
                .display()
                .to_string(),
            Some(Err(fault)) => fault
                .message
                .replace(&self.folder.path().display().to_string(), ""),
        }
    }

    /// A packed package.
    async fn packed(&self, name: &str, manifest: &Value) -> PathBuf {
        let top = self.path(&format!("packing-{}", name.replace('/', "+")));
        fs_err::create_dir_all(top.join("package")).unwrap();
        fs_err::write(top.join("package/package.json"), manifest.to_string()).unwrap();
        fs_err::write(top.join("package/server.js"), "export default async () => ({})\n").unwrap();
        let packed = top.join("packed.tgz");
        let tar = opencode_process::Program::new("tar")
            .args(["-czf", "packed.tgz", "package"])
            .directory(&top);
        assert!(tar.run().await.unwrap().success());
        packed
    }
}

#[tokio::test]
async fn folders_say_what_is_loaded() {
    let Some(home) = Home::new().await else { return };
    home.write("file.ts", "");
    home.write("index/index.js", "");
    home.write("index/index.ts", "");
    fs_err::create_dir_all(home.path("empty")).unwrap();
    home.write("outside.js", "");
    let link = home.path("linked/out.js");
    fs_err::create_dir_all(link.parent().unwrap()).unwrap();
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink(home.path("outside.js"), &link).unwrap();
    for (folder, manifest) in [
        (
            "exported",
            json!({ "main": "no.js", "exports": { "./server": { "import": "./a.js", "default": "./no.js" } } }),
        ),
        (
            "default",
            json!({ "exports": { "./server": { "default": "./a.js" } } }),
        ),
        ("string", json!({ "exports": { "./server": "./a.js" } })),
        ("main", json!({ "main": "lib/a" })),
        ("main-folder", json!({ "main": "./lib" })),
        ("plain", json!({ "name": "plain" })),
        ("tui", json!({ "exports": { "./tui": "./a.js" } })),
        ("escapes", json!({ "exports": { "./server": "../outside.js" } })),
        ("linked", json!({ "main": "out.js" })),
        ("gone", json!({ "main": "gone.js" })),
    ] {
        home.write(&format!("{folder}/package.json"), &manifest.to_string());
        for name in ["a.js", "lib/a.ts", "lib/index.ts"] {
            home.write(&format!("{folder}/{name}"), "");
        }
    }
    home.write("plain/index.mjs", "");
    home.write("broken/package.json", "{ nonsense");
    let path = |name: &str| home.path(name).display().to_string();
    for (spec, wanted) in [
        (path("file.ts"), "file.ts"),
        (format!("file://{}", path("file.ts")), "file.ts"),
        (path("index"), "index/index.ts"),
        (path("exported"), "exported/a.js"),
        (path("default"), "default/a.js"),
        (path("string"), "string/a.js"),
        (path("main"), "main/lib/a.ts"),
        (path("main-folder"), "main-folder/lib/index.ts"),
        (path("plain"), "plain/index.mjs"),
        (path("tui"), "-"),
        ("opencode-copilot-auth@1.0.0".to_owned(), "-"),
    ] {
        assert_eq!(home.shown(&spec).await, wanted, "{spec}");
    }
    for (name, wanted) in [
        (
            "empty",
            "Plugin directory /empty is missing package.json or index file",
        ),
        ("escapes", "names ../outside.js, which lies outside of it"),
        ("linked", "names out.js, which lies outside of it"),
        ("gone", "names gone.js, which is not there"),
        ("broken", "/broken/package.json is not valid JSON"),
        ("nowhere.ts", "there is no file /nowhere.ts"),
    ] {
        let shown = home.shown(&path(name)).await;
        let start = format!("Failed to load plugin /{name}: ");
        assert!(shown.starts_with(&start) && shown.contains(wanted), "{shown}");
    }
}

#[tokio::test]
async fn options_and_order_stay() {
    let Some(home) = Home::new().await else { return };
    let (one, two) = (home.write("one.ts", ""), home.write("two.ts", ""));
    let entries = [
        json!([two, { "a": 1 }]),
        json!("/nowhere/x.ts"),
        json!(one),
        json!(5),
        json!([]),
    ];
    let found = resolve(&entries, &home.place).await;
    let shown: Vec<_> = found
        .iter()
        .map(|found| {
            found
                .as_ref()
                .map(|found| (&found.entry, found.options.clone(), found.kind))
        })
        .map(|found| found.map_err(|fault| fault.plugin.as_str()))
        .collect();
    let wanted = [
        Ok((&two, Some(json!({ "a": 1 })), Kind::File)),
        Err("/nowhere/x.ts"),
        Ok((&one, None, Kind::File)),
    ];
    assert_eq!(shown, wanted);
}

/// Every program that is here.
async fn homes() -> Vec<Home> {
    let mut homes = Vec::new();
    let environment = Environment::capture();
    for program in ["bun", "node"] {
        let named = [(crate::runtime::VARIABLE.to_owned(), program.to_owned())];
        homes.extend(Home::with(&environment.with(named)).await);
    }
    homes
}

#[tokio::test]
async fn a_packed_package_is_installed_once_and_used_without_asking_again() {
    for home in homes().await {
        let manifest = json!({ "name": "@me/packed", "version": "1.2.3", "type": "module", "main": "server.js",
            "engines": { "opencode": "^1.18" }, "scripts": { "postinstall": "touch ../../../ran" } });
        let packed = home.packed("@me/packed", &manifest).await;
        let spec = format!("@me/packed@file:{}", packed.display());
        let (one, two) = tokio::join!(home.one(json!(spec)), home.one(json!([spec, { "b": 2 }])));
        let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
        let folder = home.place.paths.cache.join("packages").join(&spec);
        assert_eq!(one.entry, folder.join("node_modules/@me/packed/server.js"));
        assert_eq!(
            (one.entry, one.id.as_str(), one.kind),
            (two.entry, "@me/packed", Kind::Package)
        );
        assert_eq!(two.options, Some(json!({ "b": 2 })));
        assert!(!folder.join("ran").exists(), "scripts of packages are not run");
        fs_err::remove_file(&packed).unwrap();
        assert!(home.one(json!(spec)).await.unwrap().is_ok());
        let left = fs_err::read_dir(home.place.paths.cache.join("packages")).unwrap();
        assert_eq!(left.count(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_told_and_left_alone_for_a_while() {
    for home in homes().await {
        let manifest = json!({ "name": "newer", "version": "1.0.0", "main": "server.js",
            "engines": { "opencode": ">=2" } });
        let packed = home.packed("newer", &manifest).await;
        let newer = format!("newer@file:{}", packed.display());
        assert_eq!(
            home.one(json!(newer)).await.unwrap().unwrap_err().message,
            format!("Plugin {newer} skipped: Plugin requires opencode >=2 but running 1.18.33")
        );
        let manifest = json!({ "name": "faces", "version": "1.0.0", "exports": { "./tui": "./server.js" } });
        let faces = home.packed("faces", &manifest).await;
        assert_eq!(home.shown(&format!("faces@file:{}", faces.display())).await, "-");

        let gone = home.path("gone.tgz");
        let spec = format!("gone@file:{}", gone.display());
        let failed = home.shown(&spec).await;
        assert!(
            failed.starts_with("Failed to install plugin gone@file:"),
            "{failed}"
        );
        let manifest = json!({ "name": "gone", "version": "1.0.0", "main": "server.js" });
        fs_err::copy(home.packed("gone", &manifest).await, &gone).unwrap();
        assert_eq!(home.shown(&spec).await, failed);
        let needs = Needs {
            paths: &home.place.paths,
            environment: &home.place.environment,
        };
        let brought = bring(&spec, home.folder.path(), &needs).await.unwrap();
        assert_eq!(brought.name.as_deref(), Some("gone"));
        assert!(home.one(json!(spec)).await.unwrap().is_ok());
    }
}

#[test]
fn one_package_in_two_versions_is_the_same() {
    for (one, other, is_one) in [
        ("a", "a@1.0.0", true),
        ("@s/a@1", "@s/a@2", true),
        ("a", "b", false),
        ("./a", "./a", true),
        ("./a", "a", false),
        ("file:///a", "/a", true),
        ("../a", "/p/a", true),
        ("./b/../a", "/p/.opencode/a", true),
    ] {
        let folder = Path::new("/p/.opencode");
        assert_eq!(is_same(one, other, folder), is_one, "{one} {other}");
    }
}

#[test]
fn paths_that_are_typed_mean_the_same_in_files() {
    for (typed, folder, top, wanted) in [
        ("name@1", "/p/.opencode", "/p", "name@1"),
        ("/abs/x", "/p/.opencode", "/p", "/abs/x"),
        ("./x", "/p/.opencode", "/p", "../sub/x"),
        ("../x", "/p/.opencode", "/p", "../x"),
        ("../../x", "/p/.opencode", "/p", "/x"),
        ("./x", "/h/.config/opencode", "/h/.config/opencode", "/p/sub/x"),
    ] {
        let moved = moved(typed, Path::new("/p/sub"), Path::new(folder), Path::new(top));
        assert_eq!(moved, wanted, "{typed} in {folder}");
    }
}
