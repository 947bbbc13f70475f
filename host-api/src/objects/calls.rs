//! The calls of `ostro:storage/objects`.

use bytes::Bytes;
use store::buckets::{Announced, MAX_CHUNK_BYTES, Outcome as Change, Wanted, check_key};
use store::documents::Caller;
use wasmtime::component::Resource;

use super::failure::{Answer, Failure, Outcome};
use super::options::{self, DeleteOptions, DownloadOptions, ListOptions, Put};
use super::signed::{Action, MAX_EXPIRES_AS_CALLER_S, MAX_EXPIRES_S, Permit, Signed};
use super::{Bucket, Download, RunningUpload, Through, Upload};
use crate::bindings::ostro::storage::objects::{Error, Host, HostBucket, HostDownload, HostUpload};
use crate::ctx::HostCtxView;
use crate::grants::{Data, Verb, data_grant};
use crate::meter::Interface;

/// What one call hands in or out, bytes.
const MAX_CALL_BYTES: usize = 8 << 20;

impl HostCtxView<'_> {
    /// The bucket of a handle, for that verb.
    fn objects_of(&mut self, handle: &Resource<Bucket>, verb: Verb) -> Outcome<Bucket> {
        self.ctx.meter.count(Interface::Objects);
        self.bucket_for(handle, verb)
    }

    fn bucket_for(&mut self, handle: &Resource<Bucket>, verb: Verb) -> Outcome<Bucket> {
        let bucket = self.table.get(handle)?;
        match bucket.verbs.allow(verb) {
            true => Ok(bucket.clone()),
            false => {
                let grant = data_grant(Data::Bucket, &bucket.name, verb);
                Err(Error::Denied(self.ctx.refuse(Interface::Objects, grant).to_string()).into())
            }
        }
    }

    fn open_bucket(&mut self, name: String, through: Through) -> Outcome<Resource<Bucket>> {
        self.ctx.meter.count(Interface::Objects);
        let Some(verbs) = self.ctx.grants.data(Data::Bucket, &name) else {
            let grant = data_grant(Data::Bucket, &name, Verb::Read);
            return Err(Error::Denied(self.ctx.refuse(Interface::Objects, grant).to_string()).into());
        };
        Ok(self.table.push(Bucket { name: name.into(), verbs, through })?)
    }

    /// Under whose rules a bucket is used now; none where the function's grants are all there is to ask.
    fn caller_of(&self, bucket: &Bucket) -> Option<Caller> {
        match bucket.through {
            Through::Grants => None,
            Through::Rules => Some(self.under_rules()),
        }
    }

    fn moved(&self, bytes: usize) {
        self.ctx.meter.moved(Interface::Objects, 1, bytes);
    }

    async fn begin_upload(&mut self, bucket: &Bucket, key: String, told: Put) -> Answer<RunningUpload> {
        check(&key)?;
        bucket.check_owner(&told)?;
        let _place = self.ctx.services.buckets.place()?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let Put { attributes, condition, size } = told.clone();
        let announced = Announced { attributes: attributes.unwrap_or_default(), condition, size };
        let caller = self.caller_of(bucket);
        let upload = access.upload(bucket.target(project, caller.as_ref(), &key), announced).await?;
        Ok(RunningUpload { key, upload: upload.ok_or(Error::Changed)?, told, _place })
    }
}

impl Bucket {
    /// Fails where a caller's object would be somebody else's.
    fn check_owner(&self, told: &Put) -> Answer<()> {
        let has_owner = told.attributes.as_ref().is_some_and(|attributes| attributes.owner.is_some());
        match self.through {
            Through::Rules if has_owner => Err(Error::Invalid(
                "options: no `owner` where the caller puts: the object is the caller's".to_owned(),
            )),
            Through::Rules | Through::Grants => Ok(()),
        }
    }
}

impl RunningUpload {
    async fn write(&mut self, content: Vec<u8>) -> Answer<()> {
        check_size(content.len())?;
        Ok(self.upload.write(content.into()).await?)
    }

    /// What the object is now.
    async fn finish(self) -> Answer<String> {
        let Self { key, upload, told: Put { attributes, condition, .. }, _place } = self;
        match upload.finish(attributes.unwrap_or_default(), condition).await? {
            Change::Done(info) => options::said(&key, &info),
            Change::Lost | Change::Missing => Err(Error::Changed),
        }
    }
}

impl Host for HostCtxView<'_> {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<Error> {
        failure.told()
    }
}

impl HostBucket for HostCtxView<'_> {
    async fn open(&mut self, name: String) -> Outcome<Resource<Bucket>> {
        self.open_bucket(name, Through::Grants)
    }

    async fn open_as_caller(&mut self, name: String) -> Outcome<Resource<Bucket>> {
        self.open_bucket(name, Through::Rules)
    }

    async fn put(
        &mut self,
        handle: Resource<Bucket>,
        key: String,
        content: Vec<u8>,
        options: String,
    ) -> Outcome<String> {
        let bucket = self.objects_of(&handle, Verb::Write)?;
        check_size(content.len())?;
        let bytes = content.len();
        let told = options::put(&options)?;
        let mut upload = self.begin_upload(&bucket, key, told).await?;
        upload.write(content).await?;
        let said = upload.finish().await?;
        self.moved(bytes);
        Ok(said)
    }

    async fn get(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<Option<(String, Vec<u8>)>> {
        let bucket = self.objects_of(&handle, Verb::Read)?;
        check(&key)?;
        let _place = self.ctx.services.buckets.place()?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let caller = self.caller_of(&bucket);
        let found = access.get(bucket.target(project, caller.as_ref(), &key)).await?;
        let Some(mut found) = found else { return Ok(None) };
        if found.info.size > MAX_CALL_BYTES as u64 {
            let size = found.info.size;
            return Err(Error::TooLarge(format!("the object has {size} bytes: read it by `download`")).into());
        }
        let mut content = Vec::with_capacity(usize::try_from(found.info.size).unwrap_or(0));
        loop {
            let chunk: Bytes = found.content.read(content.len() as u64, MAX_CHUNK_BYTES).await?;
            if chunk.is_empty() {
                break;
            }
            content.extend_from_slice(&chunk);
        }
        self.moved(content.len());
        Ok(Some((options::said(&key, &found.info)?, content)))
    }

    async fn head(&mut self, handle: Resource<Bucket>, key: String) -> Outcome<Option<String>> {
        let bucket = self.objects_of(&handle, Verb::Read)?;
        check(&key)?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let caller = self.caller_of(&bucket);
        let found = access.head(bucket.target(project, caller.as_ref(), &key)).await?;
        self.moved(0);
        Ok(found.map(|info| options::said(&key, &info)).transpose()?)
    }

    async fn delete(&mut self, handle: Resource<Bucket>, key: String, options: String) -> Outcome<bool> {
        let bucket = self.objects_of(&handle, Verb::Write)?;
        check(&key)?;
        let condition = options::read::<DeleteOptions>(&options)?.condition()?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let caller = self.caller_of(&bucket);
        let deleted = access.delete(bucket.target(project, caller.as_ref(), &key), condition).await?;
        self.moved(0);
        match deleted {
            Change::Done(_) => Ok(true),
            Change::Missing => Ok(false),
            Change::Lost => Err(Error::Changed.into()),
        }
    }

    async fn copy(
        &mut self,
        handle: Resource<Bucket>,
        key: String,
        to: Resource<Bucket>,
        to_key: String,
        options: String,
    ) -> Outcome<Option<String>> {
        let from = self.objects_of(&handle, Verb::Read)?;
        let to = self.bucket_for(&to, Verb::Write)?;
        check(&key)?;
        check(&to_key)?;
        let told = options::put(&options)?;
        to.check_owner(&told)?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let (seen_by, put_by) = (self.caller_of(&from), self.caller_of(&to));
        let original = from.target(project, seen_by.as_ref(), &key);
        let copy = to.target(project, put_by.as_ref(), &to_key);
        let copied = access.copy(original, copy, told.attributes, told.condition).await?;
        self.moved(0);
        match copied {
            Change::Done(info) => Ok(Some(options::said(&to_key, &info)?)),
            Change::Missing => Ok(None),
            Change::Lost => Err(Error::Changed.into()),
        }
    }

    async fn list(&mut self, handle: Resource<Bucket>, options: String) -> Outcome<String> {
        let bucket = self.objects_of(&handle, Verb::Read)?;
        let options: ListOptions = options::read(&options)?;
        let (limit, prefix) = (options.limit()?, options.prefix.as_str());
        let signer = self.ctx.services.buckets.signer()?;
        let foreign = || Error::Invalid("this is no cursor of this list".to_owned());
        let after = match &options.cursor {
            Some(cursor) => Some(signer.after(&bucket.name, prefix, cursor).ok_or_else(foreign)?),
            None => None,
        };
        let caller = self.caller_of(&bucket);
        // One under rules may look at many that its caller does not see.
        let _place = caller.as_ref().map(|_| self.ctx.services.buckets.place()).transpose()?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let wanted = Wanted { prefix, after: after.as_deref(), limit };
        let page = access.list(project, caller.as_ref(), &bucket.name, wanted).await?;
        let last = page.objects.last().filter(|_| page.has_more);
        let cursor = last.and_then(|last| signer.cursor(&bucket.name, prefix, &last.key));
        let said = options::page(&page.objects, cursor)?;
        self.ctx.meter.moved(Interface::Objects, page.objects.len(), said.len());
        Ok(said)
    }

    async fn download(
        &mut self,
        handle: Resource<Bucket>,
        key: String,
        options: String,
    ) -> Outcome<Option<Resource<Download>>> {
        let bucket = self.objects_of(&handle, Verb::Read)?;
        check(&key)?;
        let options: DownloadOptions = options::read(&options)?;
        let place = self.ctx.services.buckets.place()?;
        let (project, access) = self.ctx.services.buckets.open()?;
        let caller = self.caller_of(&bucket);
        let found = access.get(bucket.target(project, caller.as_ref(), &key)).await?;
        let Some(found) = found else { return Ok(None) };
        if !options.wants(&found.info) {
            return Err(Error::Changed.into());
        }
        let said = options::said(&key, &found.info)?;
        let (offset, length) = (options.offset, options.length.unwrap_or(u64::MAX));
        let download = Download::new(said, &found.info, found.content, place, offset, length);
        self.moved(0);
        Ok(Some(self.table.push(download)?))
    }

    async fn upload(
        &mut self,
        handle: Resource<Bucket>,
        key: String,
        options: String,
    ) -> Outcome<Resource<Upload>> {
        let bucket = self.objects_of(&handle, Verb::Write)?;
        let told = options::upload(&options)?;
        let running = self.begin_upload(&bucket, key, told).await?;
        Ok(self.table.push(Upload { running: Some(running) })?)
    }

    async fn sign(
        &mut self,
        handle: Resource<Bucket>,
        method: String,
        key: String,
        expires_seconds: u32,
        options: String,
    ) -> Outcome<String> {
        let verb = if method == "put" { Verb::Write } else { Verb::Read };
        let bucket = self.objects_of(&handle, verb)?;
        check(&key)?;
        let action: Action = options::action(&method, &options)?;
        let caller = self.caller_of(&bucket);
        let most = if caller.is_some() { MAX_EXPIRES_AS_CALLER_S } else { MAX_EXPIRES_S };
        let buckets = &self.ctx.services.buckets;
        let expires_ms = options::expires_ms(buckets.now_ms()?, expires_seconds, most)?;
        let (project, access) = buckets.open()?;
        if !access.can_sign(bucket.target(project, caller.as_ref(), &key), &action).await? {
            return Err(Error::Denied("the caller sees no object under this key".to_owned()).into());
        }
        let signer = caller.map(|caller| buckets.sealed(&caller)).transpose()?;
        let permit = Permit { expires_ms, signer, action };
        let signed = Signed { bucket: bucket.name.to_string(), key, permit };
        let long = || Error::Invalid("the URL would be too long: say less in its options".to_owned());
        Ok(buckets.signer()?.url(&signed).ok_or_else(long)?)
    }

    async fn drop(&mut self, handle: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl HostDownload for HostCtxView<'_> {
    async fn info(&mut self, handle: Resource<Download>) -> wasmtime::Result<String> {
        self.ctx.meter.count(Interface::Objects);
        Ok(self.table.get(&handle)?.said.clone())
    }

    async fn read(&mut self, handle: Resource<Download>, most: u32) -> Outcome<Vec<u8>> {
        self.ctx.meter.count(Interface::Objects);
        let bytes = self.table.get_mut(&handle)?.next(most).await?;
        self.ctx.meter.moved(Interface::Objects, 0, bytes.len());
        Ok(bytes)
    }

    async fn drop(&mut self, handle: Resource<Download>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl HostUpload for HostCtxView<'_> {
    async fn write(&mut self, handle: Resource<Upload>, content: Vec<u8>) -> Outcome<()> {
        self.ctx.meter.count(Interface::Objects);
        let bytes = content.len();
        let upload = self.table.get_mut(&handle)?;
        upload.running.as_mut().ok_or_else(over)?.write(content).await?;
        self.ctx.meter.moved(Interface::Objects, 0, bytes);
        Ok(())
    }

    async fn finish(&mut self, handle: Resource<Upload>) -> Outcome<String> {
        self.ctx.meter.count(Interface::Objects);
        let running = self.table.get_mut(&handle)?.running.take().ok_or_else(over)?;
        let said = running.finish().await?;
        self.moved(0);
        Ok(said)
    }

    async fn drop(&mut self, handle: Resource<Upload>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn check(key: &str) -> Answer<()> {
    check_key(key).map_err(|unfit| Error::Invalid(unfit.to_string()))
}

fn check_size(bytes: usize) -> Answer<()> {
    match bytes <= MAX_CALL_BYTES {
        true => Ok(()),
        false => {
            let most = MAX_CALL_BYTES >> 20;
            Err(Error::Invalid(format!("a call takes {most} MiB at most, and these are {bytes} bytes")))
        }
    }
}

fn over() -> Error {
    Error::Invalid("the upload is over: begin another one".to_owned())
}
