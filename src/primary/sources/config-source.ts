import type { S3Importer } from '../../fallback/importer.ts'
import type { ConfigFollower } from '../../store/config-follower.ts'

/** Where a configuration comes from, revision by revision, for as long as the gateway runs. */
export interface ConfigSource extends Pick<ConfigFollower, 'start' | 'stop'> {
  readonly tier: 'postgres' | 'file' | 's3'
  /** It answers at once: asked before the backup, which is then only for the case that it can't. */
  readonly local: boolean
  /** Reads again now, changed or not. */
  reload?(): void
}

/** Reads whole configurations when the source can't be reached; logs why it can't either. */
export interface SnapshotImporter extends Pick<S3Importer, 'prepare' | 'load' | 'stop'> {
  readonly state: { error: string | undefined }
}
