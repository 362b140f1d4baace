//! The demonstration: a provider that needs no account and no network.

use indexmap::IndexMap;
use opencode_config::Paths;
use opencode_schema::Object;
use opencode_schema::model::{
    Api, Capabilities, Limit, Modalities, Model, Pricing, Provider, Source, Status,
};

/// Id of the provider.
pub const DEMO_PROVIDER: &str = "demo";
/// Id of its only model.
pub const DEMO_MODEL: &str = "tour";

/// The provider with its only model. It is always there and never chosen by itself.
pub(crate) fn provider(paths: &Paths) -> Provider {
    let text = Modalities {
        text: true,
        ..Modalities::default()
    };
    let model = Model {
        id: DEMO_MODEL.to_owned(),
        provider_id: DEMO_PROVIDER.to_owned(),
        name: "Tour (demonstration, no real model)".to_owned(),
        family: None,
        api: Api {
            endpoint: None,
            id: DEMO_MODEL.to_owned(),
            url: String::new(),
            npm: opencode_llm::demo::PACKAGE.to_owned(),
        },
        status: Status::Active,
        headers: IndexMap::new(),
        options: [(
            opencode_llm::demo::SCRATCH_OPTION.to_owned(),
            paths.temporary.to_string_lossy().into(),
        )]
        .into_iter()
        .collect(),
        cost: Pricing::default(),
        limit: Limit {
            context: 200_000,
            input: None,
            output: 8_192,
        },
        capabilities: Capabilities {
            toolcall: true,
            input: text.clone(),
            output: text,
            ..Capabilities::default()
        },
        release_date: String::new(),
        variants: Some(IndexMap::new()),
    };
    Provider {
        id: DEMO_PROVIDER.to_owned(),
        name: "Demonstration".to_owned(),
        source: Source::Custom,
        env: Vec::new(),
        key: None,
        options: Object::new(),
        models: [(DEMO_MODEL.to_owned(), model)].into_iter().collect(),
    }
}
