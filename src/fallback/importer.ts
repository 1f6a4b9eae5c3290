import type { Logger } from 'pino'
import type { RevisionMark } from '../model/revision.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { decodeHead, type ExportedSnapshot, type ExportHead, headKey } from './object-layout.ts'
import type { ObjectStore, StoreSettings, StoreTimes } from './object-store.ts'
import { decodeSnapshotObject, MAX_OBJECT_BYTES } from './snapshot-object.ts'
import { StoreFailure } from './store-failure.ts'

const MAX_HEAD_BYTES = 64 * 1024
/** Of the previous snapshots that HEAD names, so many are tried when the newest is bad. */
const MAX_PREVIOUS = 2
/** A HEAD that is renewed every minute and this old says that no control plane exports any more. */
const OLD_MS = 600_000
/** What was read ahead is forgotten after this. */
const PREPARED_MS = 10_000

export interface ImporterSettings extends StoreSettings {
  group: string
  resourceBucket: string
}

/** What the last look at the store found. */
interface ImporterState {
  /** ISO 8601; undefined before the first look. */
  checkedAt: string | undefined
  /** Newest revision that the store names. */
  revision: number | undefined
  /** When a control plane last said that this is the newest. */
  writtenAt: string | undefined
  /** Why there is nothing to use, in plain words. */
  error: string | undefined
}

interface LoadOptions {
  /** What is being served: only something newer than it is of use. */
  have?: RevisionMark | undefined
  /**
   * The store is all that counts (provider `s3`): another epoch is another history to follow.
   * Otherwise it can't be compared with what we have, which therefore stays.
   */
  followEpoch?: boolean
}

/** Reads the copy that the control plane keeps in S3. */
export interface S3Importer {
  readonly state: ImporterState
  /** Reads ahead, for a `load` without `have` that may follow within seconds: it then takes no time. */
  prepare(): void
  /**
   * The newest snapshot that is whole and, with `have`, newer than it. Undefined when there is none:
   * the reason is in the log, once, and in `state`. Never throws; over within 50 s at worst, each
   * object within 10.
   */
  load(options?: LoadOptions): Promise<Snapshot | undefined>
  stop(): void
}

/** Creates the importer. The S3 client (some 40 MB of memory) is loaded with the first use. */
export function createS3Importer(
  settings: ImporterSettings,
  log: Logger,
  times: StoreTimes = {},
): S3Importer {
  const { group, resourceBucket: bucket } = settings
  const state: ImporterState = {
    checkedAt: undefined,
    revision: undefined,
    writtenAt: undefined,
    error: undefined,
  }
  let creating: Promise<ObjectStore> | undefined
  let loading: Promise<unknown> = Promise.resolve()
  let prepared: Promise<Snapshot | undefined> | undefined

  function store(): Promise<ObjectStore> {
    creating ??= import('./object-store.ts').then((module) =>
      module.createObjectStore(settings, times),
    )
    return creating
  }

  /** A reason is told once, and again when it turns into another. */
  function tell(error: string | undefined): void {
    if (error !== undefined && error !== state.error) {
      log.warn({ reason: error }, 'fallback in S3 not used')
    }
    state.error = error
  }

  async function readHead(): Promise<ExportHead> {
    const object = await (await store()).get({ bucket, key: headKey(group) }, MAX_HEAD_BYTES)
    if (object === undefined) {
      throw new StoreFailure('missing', `nothing was ever exported to s3://${bucket}/${group}/`)
    }
    return decodeHead(object.bytes, group)
  }

  async function read(entry: ExportedSnapshot): Promise<Snapshot> {
    if (entry.size > MAX_OBJECT_BYTES) {
      const sizes = `${entry.size} bytes, at most ${MAX_OBJECT_BYTES} are read`
      throw new StoreFailure('invalid', `${entry.key} is too large: ${sizes}`)
    }
    const object = await (await store()).get({ bucket, key: entry.key }, entry.size)
    if (object === undefined) throw new StoreFailure('missing', `${entry.key} does not exist`)
    return decodeSnapshotObject(object.bytes, entry, group)
  }

  /** The newest of the candidates that is whole. */
  async function readFirst(candidates: ExportedSnapshot[]): Promise<Snapshot> {
    const failures: string[] = []
    for (const entry of candidates) {
      try {
        const snapshot = await read(entry)
        if (failures.length > 0) {
          log.warn({ revision: entry.revision, reason: failures.join('; ') }, 'older export used')
        }
        return snapshot
      } catch (error) {
        failures.push(reasonOf(error))
      }
    }
    throw new StoreFailure('invalid', failures.join('; '))
  }

  async function load({ have, followEpoch = false }: LoadOptions): Promise<Snapshot | undefined> {
    state.checkedAt = new Date().toISOString()
    try {
      const head = await readHead()
      state.revision = head.revision
      state.writtenAt = head.writtenAt
      const useful = (entry: ExportedSnapshot) => isNewer(entry, have, followEpoch)
      if (!useful(head)) {
        tell(whyNot(head, have))
        return undefined
      }
      const previous = head.previous.filter(useful).slice(0, MAX_PREVIOUS)
      const snapshot = await readFirst([head, ...previous])
      const { epoch, revision } = snapshot._meta
      const ageMs = Date.now() - Date.parse(head.writtenAt)
      log[ageMs > OLD_MS ? 'warn' : 'info']({ epoch, revision, ageMs }, 'snapshot read from S3')
      tell(undefined)
      return snapshot
    } catch (error) {
      tell(reasonOf(error))
      return undefined
    }
  }

  function loadInTurn(options: LoadOptions): Promise<Snapshot | undefined> {
    // One at a time: a second caller gets what the first found, or newer.
    const loaded = loading.then(() => load(options))
    loading = loaded
    return loaded
  }

  return {
    state,
    prepare() {
      const reading = loadInTurn({})
      prepared = reading
      const forget = () => {
        if (prepared === reading) prepared = undefined
      }
      setTimeout(forget, PREPARED_MS).unref()
    },
    async load(options = {}) {
      const ready = options.have === undefined ? prepared : undefined
      prepared = undefined
      return (await ready) ?? loadInTurn(options)
    },
    stop() {
      void creating?.then((created) => created.stop())
    },
  }
}

function isNewer(
  entry: RevisionMark,
  have: RevisionMark | undefined,
  followEpoch: boolean,
): boolean {
  if (have === undefined) return true
  return entry.epoch === have.epoch ? entry.revision > have.revision : followEpoch
}

/** Undefined for the one good reason: it is what we have. */
function whyNot(head: ExportHead, have: RevisionMark | undefined): string | undefined {
  if (have?.epoch !== head.epoch) {
    return `the export is of another history (epoch ${head.epoch}) than what is served`
  }
  if (head.revision === have.revision) return undefined
  return `the export is older (revision ${head.revision}) than what is served (${have.revision})`
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
