//! Vectors of texts, by the interface that OpenAI made common: `POST <base>/embeddings`
//! (reference `integrations-2.md` §Q).

use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::outgoing::Outgoing;
use super::watch::Watch;
use super::{Client, answer};
use crate::error::Error;
use crate::target::Target;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: usize,
    embedding: Vec<f32>,
}

impl Client {
    /// The vectors of texts, by the model of the target, with as many numbers as are wanted if the model can.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent, the provider refuses it or answers something else, or the caller cancels.
    pub async fn embed(
        &self,
        target: &Target,
        texts: &[String],
        dimensions: Option<u32>,
        cancel: CancellationToken,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut body = json!({ "model": target.model_id, "input": texts, "encoding_format": "float" });
        if let Some(dimensions) = dimensions {
            body["dimensions"] = dimensions.into();
        }
        let url = target.url_below("/embeddings")?;
        let outgoing = Outgoing::to(target, url, std::iter::empty(), &body)?;
        let watch = Watch::new(target, outgoing.shown_url(), cancel);
        let mut response = Box::pin(self.send(target, outgoing, &watch)).await?;
        let text = answer::text(&mut response, &watch, target.limits.idle).await?;
        let wrong = |message: String| Error::InvalidAnswer {
            message: format!("{}: {message}", watch.url),
            body: None,
        };
        let answer: Answer = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
        for row in answer.data {
            if let Some(place) = vectors.get_mut(row.index) {
                *place = row.embedding;
            }
        }
        if vectors.iter().any(Vec::is_empty) {
            return Err(wrong("there are fewer vectors than texts".to_owned()));
        }
        Ok(vectors)
    }
}
