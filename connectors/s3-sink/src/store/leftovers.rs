//! Uploads that a killed process has left behind.

use super::client::Store;
use super::error::Fault;

/// An upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leftover {
    key: String,
    id: String,
}

impl Store {
    /// Aborts the unfinished uploads below `prefix` whose file names begin with one of `stems`; says how many. At most
    /// `limit` are looked at.
    pub async fn abort_leftovers(&self, prefix: &str, stems: &[String], limit: usize) -> Result<usize, Fault> {
        let found = self.leftovers(prefix, limit).await?;
        let ours = |left: &&Leftover| stems.iter().any(|stem| is_of(&left.key, stem));
        let mut aborted = 0;
        for left in found.iter().filter(ours) {
            self.abort(&left.key, &left.id).await?;
            aborted += 1;
        }
        Ok(aborted)
    }

    async fn leftovers(&self, prefix: &str, limit: usize) -> Result<Vec<Leftover>, Fault> {
        let (mut found, mut marks) = (Vec::new(), (None, None));
        loop {
            self.turn().await;
            let request = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(prefix);
            let request = request.set_key_marker(marks.0).set_upload_id_marker(marks.1);
            let page = request.send().await.map_err(|error| Fault::of("list unfinished uploads", error))?;
            let uploads = page.uploads.unwrap_or_default().into_iter();
            found.extend(uploads.filter_map(|upload| Some(Leftover { key: upload.key?, id: upload.upload_id? })));
            if !page.is_truncated.unwrap_or(false) || found.len() >= limit || page.next_key_marker.is_none() {
                return Ok(found);
            }
            marks = (page.next_key_marker, page.next_upload_id_marker);
        }
    }
}

/// Whether the last part of an object's name begins with `stem` and goes on with an offset.
fn is_of(key: &str, stem: &str) -> bool {
    key.rfind(stem).is_some_and(|at| key[at + stem.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn only_uploads_of_the_own_partition_are_left_overs() {
        assert!(is_of("topics/t/partition=1/t+1+0000000042.json", "/t+1+"));
        assert!(!is_of("topics/t/partition=1/t+11+0000000042.json", "/t+1+"));
        assert!(!is_of("topics/xt/partition=1/xt+1+0000000042.json", "/t+1+"));
        assert!(!is_of("topics/t/partition=1/t+1+x.json", "/t+1+"));
    }
}
