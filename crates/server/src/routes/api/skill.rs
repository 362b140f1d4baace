//! The skills of a place.

use axum::Json;
use opencode_schema::listing::SkillInfo;

use super::Located;
use crate::extract::LocationAt;

pub(crate) async fn list(LocationAt(location): LocationAt) -> Json<Located<Vec<SkillInfo>>> {
    let skills = location.skills.iter().map(SkillInfo::from).collect();
    Located::new(&location, skills)
}
