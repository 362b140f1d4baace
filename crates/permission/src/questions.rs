//! Questions of the model that wait for the user (reference `agents-commands-permissions.md`, `http-api.md`
//! §6.5).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opencode_schema::permission::ToolReference;
use opencode_schema::question::{Answer, Question, Request};
use opencode_schema::{EventBody, QuestionId, SessionId};
use opencode_store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The questions of one location.
#[derive(Debug)]
pub struct Questions {
    store: Store,
    pending: Mutex<Vec<Pending>>,
}

#[derive(Debug)]
struct Pending {
    request: Request,
    answer: oneshot::Sender<Result<Vec<Answer>, Dismissed>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dismissed {
    /// The user does not want to answer.
    ByUser,
    /// The turn was stopped.
    Cancelled,
}

/// Nobody waits for an answer to this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Question request not found: {0}")]
pub struct UnknownQuestion(pub QuestionId);

impl Questions {
    /// A desk that sends its events through `store`, which should be that of the location.
    #[must_use]
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            pending: Mutex::default(),
        })
    }

    fn pending_mut(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and waits for one answer to each question.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(
        &self,
        session_id: SessionId,
        questions: Vec<Question>,
        tool: Option<ToolReference>,
        cancel: &CancellationToken,
    ) -> Result<Vec<Answer>, Dismissed> {
        let request = Request {
            id: QuestionId::new(),
            session_id,
            questions,
            tool,
            is_durable: false,
        };
        self.wait_for(request, cancel).await
    }

    /// [`Questions::ask`] for a request that is made already.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn wait_for(
        &self,
        request: Request,
        cancel: &CancellationToken,
    ) -> Result<Vec<Answer>, Dismissed> {
        let id = request.id.clone();
        let (sender, answer) = oneshot::channel();
        self.pending_mut().push(Pending {
            request: request.clone(),
            answer: sender,
        });
        let waiting = Waiting { desk: self, id };
        // A listener may answer before this returns; the answer is kept for us.
        let is_durable = request.is_durable;
        let request = Box::new(request);
        let asked = self.store.announce(if is_durable {
            EventBody::QuestionV2Asked { request }
        } else {
            EventBody::QuestionAsked { request }
        });
        if asked.await.is_err() {
            return Err(Dismissed::Cancelled);
        }
        let outcome = tokio::select! {
            outcome = answer => outcome.unwrap_or(Err(Dismissed::Cancelled)),
            () = cancel.cancelled() => Err(Dismissed::Cancelled),
        };
        drop(waiting);
        outcome
    }

    /// Answers, in the order of the questions.
    ///
    /// # Errors
    /// [`UnknownQuestion`].
    pub async fn reply(&self, id: &QuestionId, answers: Vec<Answer>) -> Result<(), UnknownQuestion> {
        let request = self.settle(id, Ok(answers.clone()))?;
        let (session_id, request_id) = (request.session_id, request.id);
        self.tell(if request.is_durable {
            EventBody::QuestionV2Replied {
                session_id,
                request_id,
                answers,
            }
        } else {
            EventBody::QuestionReplied {
                session_id,
                request_id,
                answers,
            }
        })
        .await;
        Ok(())
    }

    /// Refuses to answer.
    ///
    /// # Errors
    /// [`UnknownQuestion`].
    pub async fn reject(&self, id: &QuestionId) -> Result<(), UnknownQuestion> {
        let request = self.settle(id, Err(Dismissed::ByUser))?;
        self.tell(rejected(request)).await;
        Ok(())
    }

    fn settle(
        &self,
        id: &QuestionId,
        outcome: Result<Vec<Answer>, Dismissed>,
    ) -> Result<Request, UnknownQuestion> {
        let mut pending = self.pending_mut();
        let at = pending.iter().position(|one| one.request.id == *id);
        let Some(at) = at else {
            return Err(UnknownQuestion(id.clone()));
        };
        let one = pending.remove(at);
        // The one who asked may have gone meanwhile.
        let _ = one.answer.send(outcome);
        Ok(one.request)
    }

    async fn tell(&self, event: EventBody) {
        if let Err(error) = self.store.announce(event).await {
            tracing::debug!(%error, "an answer could not be told");
        }
    }

    /// What waits for an answer, in the order in which it was asked.
    #[must_use]
    pub fn pending(&self) -> Vec<Request> {
        self.pending_mut().iter().map(|one| one.request.clone()).collect()
    }
}

/// Takes a question back when nobody waits for its answer any more, and says so.
struct Waiting<'a> {
    desk: &'a Questions,
    id: QuestionId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Ok(request) = self.desk.settle(&self.id, Err(Dismissed::Cancelled)) {
            self.desk.store.announce_now(rejected(request));
        }
    }
}

/// What is told of a request that gets no answer.
fn rejected(request: Request) -> EventBody {
    let (session_id, request_id) = (request.session_id, request.id);
    if request.is_durable {
        EventBody::QuestionV2Rejected {
            session_id,
            request_id,
        }
    } else {
        EventBody::QuestionRejected {
            session_id,
            request_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use opencode_store::Database;
    use pretty_assertions::assert_eq;

    use super::*;

    async fn asked(
        cancel: CancellationToken,
    ) -> (
        Arc<Questions>,
        tokio::task::JoinHandle<Result<Vec<Answer>, Dismissed>>,
    ) {
        let store = Store::open(Database::Memory).await.unwrap();
        let desk = Questions::new(store.clone());
        let mut events = store.subscribe();
        let task = {
            let desk = Arc::clone(&desk);
            let id = SessionId::trusted("ses_1");
            tokio::spawn(async move { desk.ask(id, vec![Question::default()], None, &cancel).await })
        };
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.body.kind(), "question.asked");
        (desk, task)
    }

    #[tokio::test]
    async fn answers_reach_the_one_who_asks() {
        let (desk, task) = asked(CancellationToken::new()).await;
        let id = desk.pending()[0].id.clone();
        desk.reply(&id, vec![vec!["Red".into()]]).await.unwrap();
        assert_eq!(task.await.unwrap(), Ok(vec![vec!["Red".to_owned()]]));
        assert_eq!(desk.pending(), []);
        assert_eq!(desk.reply(&id, Vec::new()).await, Err(UnknownQuestion(id)));
    }

    #[tokio::test]
    async fn a_question_can_be_dismissed() {
        let (desk, task) = asked(CancellationToken::new()).await;
        desk.reject(&desk.pending()[0].id.clone()).await.unwrap();
        assert_eq!(task.await.unwrap(), Err(Dismissed::ByUser));
    }

    #[tokio::test]
    async fn a_stopped_turn_takes_its_question_along() {
        let cancel = CancellationToken::new();
        let (desk, task) = asked(cancel.clone()).await;
        let mut events = desk.store.subscribe();
        cancel.cancel();
        assert_eq!(task.await.unwrap(), Err(Dismissed::Cancelled));
        assert_eq!(desk.pending(), []);
        assert_eq!(
            events.next().await.unwrap().unwrap().body.kind(),
            "question.rejected"
        );
    }
}
