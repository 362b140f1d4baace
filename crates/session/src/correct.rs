//! Messages and parts that a client takes out or replaces (reference `http-api.md` §6.3).

use opencode_schema::time::now;
use opencode_schema::{EventBody, MessageId, Part, PartId, SessionId};
use opencode_store::Store;

use crate::{Engine, Error};

impl Engine {
    /// Takes a message out of a session. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Busy`].
    pub async fn delete_message(
        &self,
        store: &Store,
        session_id: &SessionId,
        message_id: MessageId,
    ) -> Result<(), Error> {
        self.session(session_id).await?;
        if self.is_running(session_id) {
            return Err(Error::Busy(session_id.clone()));
        }
        self.inner.kept.forget();
        let session_id = session_id.clone();
        let event = EventBody::MessageRemoved {
            session_id,
            message_id,
        };
        Ok(store.publish(event).await?)
    }

    /// Takes a part out of a message.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn delete_part(
        &self,
        store: &Store,
        session_id: &SessionId,
        message_id: MessageId,
        part_id: PartId,
    ) -> Result<(), Error> {
        self.session(session_id).await?;
        self.inner.kept.forget();
        let session_id = session_id.clone();
        let event = EventBody::PartRemoved {
            session_id,
            message_id,
            part_id,
        };
        Ok(store.publish(event).await?)
    }

    /// Replaces a part, or adds one, in a message that is there.
    ///
    /// # Errors
    /// The session or the message is not there; the part belongs to another message.
    pub async fn put_part(&self, store: &Store, part: Part) -> Result<Part, Error> {
        self.inner.kept.forget();
        let put = store.write(move |transaction| {
            transaction.session(&part.session_id)?;
            transaction.message(&part.session_id, &part.message_id)?;
            transaction.refuse_taken("part", part.id.as_str(), &part.session_id)?;
            transaction.publish(EventBody::PartUpdated {
                session_id: part.session_id.clone(),
                part: Box::new(part.clone()),
                time: now(),
            })?;
            Ok(part)
        });
        Ok(put.await?)
    }
}
