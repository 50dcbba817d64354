//! Reading what was signed: the farthest each file goes, and what is wrong with the files themselves.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::{Against, Fault, Report};
use crate::{
    audit::{
        chain::Hash,
        checkpoint::{BadLine, Checkpoint},
    },
    error::{Error, Result},
};

/// Every number that was signed, with its hash. What is wrong goes into the report.
pub(super) fn read(against: &Against, report: &mut Report) -> Result<BTreeMap<i64, Hash>> {
    let mut signed = BTreeMap::new();
    for (path, whole) in
        against.files.iter().map(|path| (path, true)).chain(against.logs.iter().map(|path| (path, false)))
    {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && whole => {
                report
                    .faults
                    .push(Fault::elsewhere(None, format!("the checkpoint file {} is missing", path.display())));
                continue;
            }
            Err(error) => {
                return Err(Error::Internal(anyhow::Error::new(error).context(format!("reading {}", path.display()))));
            }
        };
        read_one(BufReader::new(file), path, whole, against, report, &mut signed)?;
    }
    Ok(signed)
}

fn read_one(
    mut file: impl BufRead,
    path: &Path,
    whole: bool,
    against: &Against,
    report: &mut Report,
    signed: &mut BTreeMap<i64, Hash>,
) -> Result<()> {
    let mut before: Option<Checkpoint> = None;
    // A line that a power cut tore is no fault, if the next one goes on from the one before it.
    let mut torn: Option<usize> = None;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes).map_err(|error| Error::Internal(error.into()))? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&bytes);
        let mut fault = |number: usize, what: &str| {
            report.faults.push(Fault::elsewhere(None, format!("{}, line {number}: {what}", path.display())));
        };
        match Checkpoint::find(line.trim_end(), &against.keys) {
            Some(Ok(found)) => {
                if whole {
                    check_order(before.as_ref(), &found, number, &mut fault);
                }
                if let Some(torn) = torn.take().filter(|_| whole) {
                    report.remarks.push(format!(
                        "{}, line {torn} was cut short as it was written; nothing is missing after it",
                        path.display()
                    ));
                }
                report.checkpoints += 1;
                if signed.insert(found.seq, found.hash).is_some_and(|other| other != found.hash) {
                    report.faults.push(Fault::elsewhere(
                        None,
                        format!("{}, line {number}: sequence {} was signed twice with different hashes: an older database was put back and went on", path.display(), found.seq),
                    ));
                }
                if report.newest.as_ref().is_none_or(|newest| newest.seq <= found.seq) {
                    report.newest = Some(found.clone());
                }
                before = Some(found);
            }
            Some(Err(BadLine::Unreadable)) if !line.ends_with('\n') || torn.is_none() && whole && line.len() < 200 => {
                torn = Some(number)
            }
            Some(Err(bad)) => fault(number, &bad.to_string()),
            None if whole => fault(number, "this is no checkpoint"),
            None => {}
        }
    }
    if let Some(torn) = torn.filter(|_| whole) {
        report.notices.push(format!("{}, line {torn} is cut short", path.display()));
    }
    Ok(())
}

fn check_order(before: Option<&Checkpoint>, found: &Checkpoint, number: usize, fault: &mut impl FnMut(usize, &str)) {
    match before {
        Some(before) if !found.follows(before) => {
            fault(number, "it does not follow the line before: lines were taken out, put in or moved");
        }
        Some(before) if found.seq <= before.seq => {
            fault(number, "it goes back: an older database was put back and went on")
        }
        None if !found.is_first() => fault(number, "the lines before this one are missing"),
        _ => {}
    }
}
