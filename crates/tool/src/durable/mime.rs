//! Media types of files, by their extensions.
//!
//! Parity: `v2.md` §6 «read»: the types are those of the registry that the reference uses, also where they are of
//! another trade than programs (`.ts` is a video there).

use std::path::Path;

/// What has none of the extensions.
const UNKNOWN: &str = "application/octet-stream";

/// Media types and the extensions of their files.
const TYPES: [(&str, &[&str]); 73] = [
    ("application/gzip", &["gz"]),
    ("application/java-archive", &["jar", "war", "ear"]),
    ("application/json", &["json", "map"]),
    ("application/json5", &["json5"]),
    ("application/manifest+json", &["webmanifest"]),
    ("application/msword", &["doc", "dot"]),
    ("application/node", &["cjs"]),
    ("application/pdf", &["pdf"]),
    ("application/postscript", &["ai", "eps", "ps"]),
    ("application/rls-services+xml", &["rs"]),
    ("application/rtf", &["rtf"]),
    ("application/sql", &["sql"]),
    ("application/toml", &["toml"]),
    ("application/vnd.dart", &["dart"]),
    ("application/wasm", &["wasm"]),
    ("application/x-httpd-php", &["php"]),
    ("application/x-ipynb+json", &["ipynb"]),
    ("application/x-msdownload", &["bat", "com", "dll", "exe"]),
    ("application/x-perl", &["pl", "pm"]),
    ("application/x-sh", &["sh"]),
    ("application/x-tar", &["tar"]),
    ("application/x-tex", &["tex"]),
    ("application/xhtml+xml", &["xhtml", "xht"]),
    ("application/xml", &["xml", "xsl", "xsd", "rng"]),
    ("application/zip", &["zip"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/wav", &["wav"]),
    ("font/otf", &["otf"]),
    ("font/ttf", &["ttf"]),
    ("font/woff", &["woff"]),
    ("font/woff2", &["woff2"]),
    ("image/avif", &["avif"]),
    ("image/bmp", &["bmp"]),
    ("image/gif", &["gif"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe"]),
    ("image/png", &["png"]),
    ("image/svg+xml", &["svg", "svgz"]),
    ("image/tiff", &["tif", "tiff"]),
    ("image/vnd.microsoft.icon", &["ico"]),
    ("image/webp", &["webp"]),
    ("text/calendar", &["ics"]),
    ("text/coffeescript", &["coffee", "litcoffee"]),
    ("text/css", &["css"]),
    ("text/csv", &["csv"]),
    ("text/html", &["htm", "html", "shtml"]),
    ("text/jade", &["jade"]),
    ("text/javascript", &["js", "mjs"]),
    ("text/jsx", &["jsx"]),
    ("text/less", &["less"]),
    ("text/markdown", &["md", "markdown"]),
    ("text/mathml", &["mml"]),
    ("text/mdx", &["mdx"]),
    (
        "text/plain",
        &["txt", "text", "conf", "def", "in", "ini", "list", "log"],
    ),
    ("text/slim", &["slim", "slm"]),
    ("text/stylus", &["styl", "stylus"]),
    ("text/tab-separated-values", &["tsv"]),
    ("text/vtt", &["vtt"]),
    ("text/x-asm", &["s", "asm"]),
    ("text/x-c", &["c", "cc", "cpp", "cxx", "dic", "h", "hh"]),
    ("text/x-fortran", &["f", "for", "f77", "f90"]),
    ("text/x-handlebars-template", &["hbs"]),
    ("text/x-java-source", &["java"]),
    ("text/x-lua", &["lua"]),
    ("text/x-pascal", &["p", "pas"]),
    ("text/x-processing", &["pde"]),
    ("text/x-sass", &["sass"]),
    ("text/x-scss", &["scss"]),
    ("text/x-suse-ymp", &["ymp"]),
    ("text/yaml", &["yaml", "yml"]),
    ("video/mp2t", &["ts", "mts", "m2t", "m2ts"]),
    ("video/mp4", &["mp4", "mpg4", "mp4v"]),
    ("video/quicktime", &["mov", "qt"]),
    ("video/webm", &["webm"]),
];

/// The media type of a file by its name.
pub(super) fn of(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    TYPES
        .iter()
        .find(|(_, extensions)| extensions.contains(&&*extension))
        .map_or(UNKNOWN, |(mime, _)| mime)
}
