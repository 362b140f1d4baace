//! The public catalogue of providers and models (reference `providers.md` §1.1–1.2).
//!
//! The program carries a packed copy: an index of all providers, and behind it the models of each,
//! compressed apart, so that a start unpacks only the providers that are used. `examples/snapshot.rs`
//! makes it from an `api.json`.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use indexmap::IndexMap;
use opencode_schema::Object;
use opencode_schema::config::{CostConfig, LimitConfig, ModalitiesConfig, ModelProviderConfig};
use opencode_schema::model::{Interleaved, Status};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

static PACKED: &[u8] = include_bytes!("../data/models.bin");

/// Bytes that the models of one provider may unpack to.
const UNPACK_LIMIT: u64 = 64 * 1024 * 1024;

/// The public catalogue.
#[derive(Debug)]
pub enum Snapshot {
    /// The copy that the program carries.
    Packed {
        /// Providers and where their models are.
        index: IndexMap<String, Packed>,
        /// The part behind the index.
        frames: Cow<'static, [u8]>,
    },
    /// A whole document that was read from a file; the models of a provider are looked at when it is used.
    Read(IndexMap<String, Raw>),
}

/// A provider of a document that was read from a file.
#[derive(Debug)]
pub struct Raw {
    head: ProviderHead,
    models: Option<Box<RawValue>>,
}

/// A provider in the index of the packed copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Packed {
    /// What is known of it besides its models.
    #[serde(flatten)]
    pub head: ProviderHead,
    /// Where its models begin, in bytes behind the index.
    offset: usize,
    /// How many bytes they are.
    length: usize,
}

/// A provider without its models.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ProviderHead {
    /// Its name.
    pub name: String,
    /// Variables that may hold its key; the order counts.
    #[serde(default)]
    pub env: Vec<String>,
    /// Its adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npm: Option<String>,
    /// Its base address; may hold `${VARIABLE}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// A provider with its models.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ProviderEntry {
    /// What is known of it besides its models.
    #[serde(flatten)]
    pub head: ProviderHead,
    /// Its models by id.
    #[serde(default)]
    pub models: IndexMap<String, ModelEntry>,
}

/// A model of the public catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `YYYY-MM-DD`.
    #[serde(default)]
    pub release_date: String,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Takes files.
    #[serde(default)]
    pub attachment: bool,
    /// Reasons.
    #[serde(default)]
    pub reasoning: bool,
    /// Calls tools.
    #[serde(default = "yes")]
    pub tool_call: bool,
    /// Takes a temperature.
    #[serde(default)]
    pub temperature: bool,
    /// How its reasoning can be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_options: Option<Vec<ReasoningOption>>,
    /// How reasoning goes back with the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<Interleaved>,
    /// Prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostConfig>,
    /// Token limits.
    #[serde(default)]
    pub limit: LimitConfig,
    /// What it takes and gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modalities: Option<ModalitiesConfig>,
    /// How mature it is.
    #[serde(default)]
    pub status: Status,
    /// Another adapter or address than that of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ModelProviderConfig>,
    /// Ways to run it that count as models of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental: Option<Experimental>,
}

fn yes() -> bool {
    true
}

/// One way in which a model's reasoning can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReasoningOption {
    /// Named efforts; `null` is none.
    Effort {
        /// The names.
        values: Vec<Option<String>>,
    },
    /// On or off.
    Toggle,
    /// A number of tokens.
    BudgetTokens {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Ways to run a model that count as models of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Experimental {
    /// By name.
    #[serde(default)]
    pub modes: IndexMap<String, Mode>,
}

/// A way to run a model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Mode {
    /// What differs in price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Object>,
    /// What is sent besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ModeRequest>,
}

/// What a way to run a model sends besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ModeRequest {
    /// Keys of the body.
    #[serde(default)]
    pub body: Object,
    /// Headers.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
}

impl Snapshot {
    /// The copy that the program carries.
    #[must_use]
    pub fn embedded() -> Self {
        Self::unpack(Cow::Borrowed(PACKED)).unwrap_or_else(|| {
            tracing::error!("the embedded model catalogue is damaged");
            Self::Read(IndexMap::new())
        })
    }

    /// A packed copy, as [`pack`] makes it; `None` when it is damaged.
    #[must_use]
    pub fn unpack(packed: Cow<'static, [u8]>) -> Option<Self> {
        let (length, rest) = packed.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (index, _) = rest.split_at_checked(length)?;
        Some(Self::Packed {
            index: serde_json::from_slice(index).ok()?,
            frames: match packed {
                Cow::Borrowed(packed) => Cow::Borrowed(packed.get(4 + length..)?),
                Cow::Owned(mut packed) => {
                    packed.drain(..4 + length);
                    Cow::Owned(packed)
                }
            },
        })
    }

    /// Reads a whole document; `None` when it cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs_err::read(path).ok()?;
        let read = Self::parse(&text);
        if read.is_none() {
            tracing::warn!(path = %path.display(), "a model catalogue cannot be read");
        }
        read
    }

    /// A whole document. Entries that do not fit are left out; `None` when none fits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Entry {
            name: String,
            #[serde(default)]
            env: Vec<String>,
            npm: Option<String>,
            api: Option<String>,
            models: Option<Box<RawValue>>,
        }
        let raw: IndexMap<String, Box<RawValue>> = serde_json::from_slice(text).ok()?;
        let read = raw.into_iter().filter_map(|(id, entry)| {
            let Entry {
                name,
                env,
                npm,
                api,
                models,
            } = serde_json::from_str(entry.get()).ok()?;
            let head = ProviderHead { name, env, npm, api };
            Some((id, Raw { head, models }))
        });
        let read: IndexMap<String, Raw> = read.collect();
        (!read.is_empty()).then_some(Self::Read(read))
    }

    /// Ids of all providers with what is known of them besides their models.
    pub fn heads(&self) -> Box<dyn Iterator<Item = (&str, &ProviderHead)> + '_> {
        match self {
            Self::Packed { index, .. } => {
                Box::new(index.iter().map(|(id, packed)| (id.as_str(), &packed.head)))
            }
            Self::Read(providers) => Box::new(providers.iter().map(|(id, entry)| (id.as_str(), &entry.head))),
        }
    }

    /// A provider with its models.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<ProviderEntry> {
        match self {
            Self::Read(providers) => {
                let raw = providers.get(id)?;
                Some(ProviderEntry {
                    head: raw.head.clone(),
                    models: raw.models.as_deref().map(models).unwrap_or_default(),
                })
            }
            Self::Packed { index, frames } => {
                let packed = index.get(id)?;
                let end = packed.offset.checked_add(packed.length)?;
                let frame = frames.get(packed.offset..end)?;
                let mut text = Vec::new();
                DeflateDecoder::new(frame)
                    .take(UNPACK_LIMIT)
                    .read_to_end(&mut text)
                    .ok()?;
                Some(ProviderEntry {
                    head: packed.head.clone(),
                    models: serde_json::from_slice(&text).ok()?,
                })
            }
        }
    }
}

/// Models by id. Those that do not fit are left out.
fn models(raw: &RawValue) -> IndexMap<String, ModelEntry> {
    if let Ok(all) = serde_json::from_str(raw.get()) {
        return all;
    }
    let each: IndexMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    each.into_iter()
        .filter_map(|(id, entry)| Some((id, serde_json::from_str(entry.get()).ok()?)))
        .collect()
}

/// Packs a whole document into the form that the program carries.
///
/// # Errors
/// The text is no catalogue.
pub fn pack(document: &[u8]) -> std::io::Result<Vec<u8>> {
    pack_at(document, Compression::best())
}

/// The same, larger and in a fraction of the time.
pub(crate) fn pack_quickly(document: &[u8]) -> std::io::Result<Vec<u8>> {
    pack_at(document, Compression::fast())
}

fn pack_at(document: &[u8], level: Compression) -> std::io::Result<Vec<u8>> {
    let read = Snapshot::parse(document).ok_or(std::io::ErrorKind::InvalidData)?;
    let mut index: IndexMap<String, Packed> = IndexMap::new();
    let mut frames = Vec::new();
    for (id, _) in read.heads() {
        let Some(entry) = read.provider(id) else { continue };
        let mut encoder = DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(&serde_json::to_vec(&entry.models)?)?;
        let frame = encoder.finish()?;
        index.insert(
            id.to_owned(),
            Packed {
                head: entry.head,
                offset: frames.len(),
                length: frame.len(),
            },
        );
        frames.extend(frame);
    }
    let index = serde_json::to_vec(&index)?;
    let length = u32::try_from(index.len()).map_err(std::io::Error::other)?;
    Ok([length.to_le_bytes().as_slice(), &index, &frames].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_copy_can_be_read_whole() {
        let snapshot = Snapshot::embedded();
        let ids: Vec<String> = snapshot.heads().map(|(id, _)| id.to_owned()).collect();
        assert!(ids.len() > 100, "{}", ids.len());
        for id in &ids {
            let provider = snapshot.provider(id).unwrap_or_else(|| panic!("{id}"));
            assert!(!provider.models.is_empty(), "{id}");
        }
        assert_eq!(
            snapshot.provider("anthropic").unwrap().head.env,
            ["ANTHROPIC_API_KEY"]
        );
        assert!(snapshot.provider("no such provider").is_none());
    }

    #[test]
    fn packing_keeps_what_is_acted_on() {
        let document = serde_json::json!({ "p": {
            "id": "p", "name": "P", "env": ["K"], "npm": "n", "doc": "ignored",
            "models": { "m": {
                "id": "m", "name": "M", "release_date": "2026-01-01", "attachment": false, "reasoning": true,
                "tool_call": true, "interleaved": "reasoning_content", "limit": { "context": 10, "output": 5 },
                "reasoning_options": [{ "type": "effort", "values": ["low", null] }, { "type": "later" }],
            } }
        } });
        let packed = pack(document.to_string().as_bytes()).unwrap();
        let provider = Snapshot::unpack(packed.into()).unwrap().provider("p").unwrap();
        let model = &provider.models["m"];
        assert_eq!(
            model.interleaved.as_ref().unwrap().field(),
            Some("reasoning_content")
        );
        assert_eq!(
            model.reasoning_options.as_deref().unwrap(),
            [
                ReasoningOption::Effort {
                    values: vec![Some("low".into()), None]
                },
                ReasoningOption::Unknown
            ]
        );
    }

    #[test]
    fn a_damaged_copy_is_no_copy() {
        for damaged in [&b""[..], b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00[]"] {
            assert!(Snapshot::unpack(damaged.into()).is_none());
        }
    }
}
