import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { StoreError } from '../model/errors.ts'
import type { Database } from './database.ts'
import { codeOf } from './failure.ts'
import type { Transaction } from './transaction.ts'

/** Any number, the same in all versions: migrations of one database take turns by it. */
const LOCK_KEY = 7_301_844_219
const LOCK_NOT_AVAILABLE = '55P03'
const LOCK_RETRY_MS = 250
const MIGRATION_TIMEOUT_MS = 120_000

/**
 * One entry per schema version, never changed once released: add the next one instead.
 * Collation "C" makes orders, and so snapshots, the same on every server.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE config_head (
     group_id   text COLLATE "C" PRIMARY KEY,
     epoch      uuid NOT NULL DEFAULT gen_random_uuid(),
     revision   bigint NOT NULL DEFAULT 0,
     digest     text NOT NULL,
     updated_at timestamptz NOT NULL DEFAULT now()
   );
   CREATE TABLE config_resource (
     group_id         text COLLATE "C" NOT NULL,
     kind             text COLLATE "C" NOT NULL,
     id               text COLLATE "C" NOT NULL,
     body             jsonb NOT NULL,
     created_revision bigint NOT NULL,
     revision         bigint NOT NULL,
     PRIMARY KEY (group_id, kind, id)
   );
   CREATE TABLE config_log (
     group_id text COLLATE "C" NOT NULL,
     revision bigint NOT NULL,
     seq      integer NOT NULL,
     kind     text COLLATE "C" NOT NULL,
     id       text COLLATE "C" NOT NULL,
     op       text NOT NULL CHECK (op IN ('put', 'delete')),
     body     jsonb,
     digest   text NOT NULL,
     actor    text NOT NULL,
     at       timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (group_id, revision, seq)
   );`,
  // With what was there before, any revision that the log reaches can be shown and restored, whatever
  // was trimmed. The heartbeat's table leaves room in its pages: rows are updated in place (HOT).
  `ALTER TABLE config_log ADD COLUMN before jsonb;
   UPDATE config_log l SET before = p.body
     FROM (SELECT group_id, revision, seq,
                  lag(body) OVER (PARTITION BY group_id, kind, id ORDER BY revision, seq) AS body
             FROM config_log) p
    WHERE (l.group_id, l.revision, l.seq) = (p.group_id, p.revision, p.seq);
   CREATE TABLE gateway_instance (
     id         uuid PRIMARY KEY,
     run        uuid NOT NULL,
     claimed_at timestamptz NOT NULL DEFAULT now(),
     group_id   text COLLATE "C" NOT NULL,
     started_at timestamptz NOT NULL,
     last_seen  timestamptz NOT NULL DEFAULT now(),
     stopped    boolean NOT NULL DEFAULT false,
     report     jsonb NOT NULL
   ) WITH (fillfactor = 50);
   CREATE INDEX gateway_instance_group ON gateway_instance (group_id, id);`,
  // Who refers to an object, as `kind/id`: what src/model/resource-references.ts finds. Computed by the
  // database, so that it also fits what an older control plane writes; mostly without a function,
  // which would cost 20 µs an object. No pending list: a look-up would have to read all of it.
  `CREATE FUNCTION holdfast_split_references(body jsonb) RETURNS text[]
   LANGUAGE sql IMMUTABLE PARALLEL SAFE
   AS $$
     SELECT ARRAY(SELECT 'upstreams/' || (id #>> '{}') FROM jsonb_path_query(body,
              '$.plugins."traffic-split".rules[*].weighted_upstreams[*].upstream_id') AS id)
         || ARRAY(SELECT 'ssls/' || (id #>> '{}') FROM jsonb_path_query(body,
              '$.plugins."traffic-split".rules[*].weighted_upstreams[*].upstream.tls.client_cert_id')
              AS id)
   $$;
   ALTER TABLE config_resource ADD COLUMN refers_to text[] GENERATED ALWAYS AS (
     CASE WHEN kind <> 'plugin_metadata' THEN nullif(
       array_remove(ARRAY[
         CASE WHEN kind = 'credentials'
              THEN 'consumers/' || split_part(body ->> 'id', '/credentials/', 1) END,
         'upstreams/' || (body ->> 'upstream_id'),
         'services/' || (body ->> 'service_id'),
         'plugin_configs/' || (body ->> 'plugin_config_id'),
         'consumer_groups/' || (body ->> 'group_id'),
         'ssls/' || (body #>> '{tls,client_cert_id}'),
         'ssls/' || (body #>> '{upstream,tls,client_cert_id}'),
         'stream_routes/' || (body #>> '{protocol,superior_id}'),
         'protos/' || (body #>> '{plugins,grpc-transcode,proto_id}')
       ], NULL)
       || CASE WHEN body -> 'plugins' ? 'traffic-split' THEN holdfast_split_references(body)
               ELSE '{}'::text[] END,
       '{}'::text[]) END) STORED;
   CREATE INDEX config_resource_refers_to ON config_resource USING gin (refers_to)
     WITH (fastupdate = off) WHERE refers_to IS NOT NULL;`,
  // What the author of a whole configuration (PUT /apisix/admin/configs) said of it.
  `CREATE TABLE config_document (
     group_id      text COLLATE "C" PRIMARY KEY,
     revision      bigint NOT NULL,
     digest        text NOT NULL,
     last_modified bigint NOT NULL,
     versions      jsonb NOT NULL
   );`,
]

/** Version of the schema that this code writes. */
export const SCHEMA_VERSION = MIGRATIONS.length

/**
 * Brings the database to SCHEMA_VERSION; all or nothing. Harmless to repeat and to run from several
 * processes at once.
 * @throws StoreError GW_STORE_NEWER_SCHEMA when a newer Holdfast has been here, and nothing is changed.
 */
export async function migrate(database: Database, log: Logger): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    try {
      const from = await database.transaction(migrateLocked, {
        timeoutMs: MIGRATION_TIMEOUT_MS,
        statementTimeoutMs: MIGRATION_TIMEOUT_MS,
      })
      if (from < SCHEMA_VERSION) log.info({ from, to: SCHEMA_VERSION }, 'schema migrated')
      return
    } catch (error) {
      const busy = codeOf((error as Error).cause) === LOCK_NOT_AVAILABLE
      if (!busy || performance.now() - startedAt > MIGRATION_TIMEOUT_MS) throw error
      await delay(LOCK_RETRY_MS)
    }
  }
}

async function migrateLocked(tx: Transaction): Promise<number> {
  // Without the lock first: a role that may not create anything can still start.
  const found = await readVersion(tx)
  if (found === SCHEMA_VERSION) return found
  await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY])
  const from = await readVersion(tx)
  if (from === 0) {
    await tx.query(
      `CREATE TABLE IF NOT EXISTS holdfast_schema (
         version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`,
    )
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < from) continue
    for (const statement of sql.split(/;\s*/)) {
      if (statement !== '') await tx.query(statement)
    }
    await tx.query('INSERT INTO holdfast_schema (version) VALUES ($1)', [index + 1])
  }
  return from
}

/** 0 when nothing was ever migrated. */
async function readVersion(tx: Transaction): Promise<number> {
  // Not to_regclass: its cache may still hold that the table is missing after we waited for the lock.
  const tables = await tx.query(
    `SELECT FROM pg_tables
      WHERE tablename = 'holdfast_schema' AND schemaname = ANY (current_schemas(false))`,
  )
  if (tables.length === 0) return 0
  const [row] = await tx.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM holdfast_schema',
  )
  const version = row?.version ?? 0
  if (version <= SCHEMA_VERSION) return version
  throw new StoreError(
    'GW_STORE_NEWER_SCHEMA',
    `the database has schema version ${version}, this Holdfast knows up to ${SCHEMA_VERSION}: ` +
      'upgrade this process, or give it another database',
  )
}
