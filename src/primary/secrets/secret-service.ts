import type { Logger } from 'pino'
import type { Delta } from '../../model/revision.ts'
import { parseManagedReference } from '../../model/secret-reference.ts'
import { withSecrets } from '../../model/secret-value.ts'
import type { ConfigEvents } from '../config-service.ts'
import type { ServingConfig } from '../serving-config.ts'
import { type KnownSecret, KnownSecrets, pathOf } from './known-secrets.ts'
import type { ManagedSecret } from './managed-secrets.ts'
import { SecretManager } from './secret-manager.ts'
import { createVaultReader, fieldOf, type SecretFields, type VaultObject } from './vault.ts'

/** Changes reach the workers together when they come within this time. */
const GATHER_MS = 20
/** A start does not wait longer for secrets. */
const MAX_START_WAIT_MS = 5_000
/** A manager that refuses thousands of secrets is logged this often. */
const LOG_GAP_MS = 1_000

interface Manager {
  readonly secrets: SecretManager
  /** The object that it was configured with, as JSON. */
  fingerprint: string
  /** Why nothing of it can be read now. */
  reason: string | undefined
  /** When a refusal was logged last. */
  loggedAt: number
}

interface ServiceOptions {
  ttlMs: number
  log: Logger
  environment: NodeJS.ProcessEnv
  /** Values of before the start, by reference. */
  remembered?: ReadonlyMap<string, string>
  /** These references stand for something else now, or for something at last. */
  onChange: (references: readonly string[]) => void
}

/** A manager as the status shows it. */
export interface ManagerState {
  id: string
  /** Why nothing of it can be read now. */
  reason: string | undefined
  /** Reads that failed since the start. */
  failures: number
}

/**
 * Knows what the references of the configuration stand for. Secrets are read here only, never for
 * a request: a value is kept until the manager gives another one, however long that is away.
 */
export class SecretService implements ConfigEvents {
  readonly #options: ServiceOptions
  readonly #known: KnownSecrets
  readonly #managers = new Map<string, Manager>()
  #config: ServingConfig | undefined
  #version = -1
  #changed = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  /** Called whenever a reference got its value, or the reason why it has none. */
  readonly #watchers = new Set<() => void>()
  /** How old a value may be before it is read again. */
  ttlMs: number

  constructor(options: ServiceOptions) {
    this.#options = options
    this.ttlMs = options.ttlMs
    this.#known = new KnownSecrets(options.remembered)
  }

  get managers(): ManagerState[] {
    return [...this.#managers].map(([id, { secrets, reason }]) => {
      return { id, reason, failures: secrets.failures }
    })
  }

  /** How many references there are, how many have no value, and for how many the last read failed. */
  get counts(): { references: number; waiting: number; failing: number } {
    const counts = { references: 0, waiting: 0, failing: 0 }
    for (const secret of this.#known.wanted()) {
      counts.references++
      if (secret.value === undefined) counts.waiting++
      if (this.#reasonOf(secret) !== undefined) counts.failing++
    }
    return counts
  }

  /** The values of all references that have one. */
  *values(): Generator<[reference: string, value: string]> {
    for (const { reference, value } of this.#known.wanted()) {
      if (value !== undefined) yield [reference, value]
    }
  }

  /** What a reference stands for, as far as that is known. */
  lookup(reference: string): ManagedSecret {
    const known = this.#known.get(reference)
    if (known?.value !== undefined) return { value: known.value }
    const address = known?.address ?? parseManagedReference(reference)
    if (address === undefined) return { reason: 'is no $secret://<manager>/<id>/<path>/<field>' }
    const reason = this.#reasonOf({ address, reason: known?.reason })
    return { reason: reason ? `can't be read, manager ${reason}` : 'is being fetched' }
  }

  onSnapshot(config: ServingConfig): void {
    this.#config = config
    this.#follow(config)
  }

  onDelta({ changes }: Delta): void {
    const config = this.#config
    if (config === undefined) return
    const isSame = config.references.version === this.#version
    if (!isSame || changes.some(({ kind }) => kind === 'secrets')) this.#follow(config)
  }

  /**
   * Fetches what a configuration needs before it is served for the first time: requests would be
   * refused for the lack of it. Does not wait for what can't be read, nor for long.
   */
  async prepare(config: ServingConfig): Promise<void> {
    this.onSnapshot(config)
    const settled = Promise.withResolvers<void>()
    const timer = setTimeout(settled.resolve, MAX_START_WAIT_MS)
    const isOpen = (secret: KnownSecret) => {
      const isRead = secret.value !== undefined && !secret.isRemembered
      return !isRead && this.#reasonOf(secret) === undefined
    }
    const open = [...this.#known.wanted()].filter(isOpen)
    const look = () => {
      while (open.length > 0 && !isOpen(open.at(-1) as KnownSecret)) open.pop()
      if (open.length === 0) settled.resolve()
    }
    this.#watchers.add(look)
    look()
    await settled.promise
    clearTimeout(timer)
    this.#watchers.delete(look)
    config.renew(config.references.references)
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const { secrets } of this.#managers.values()) secrets.stop()
  }

  #reasonOf({
    address: { manager: id },
    reason,
  }: Pick<KnownSecret, 'address' | 'reason'>): string | undefined {
    const found = reason ?? this.#managers.get(id)?.reason
    return found && `${id} ${found}`
  }

  /** Takes over what is wanted now, and the managers as they are now. */
  #follow(config: ServingConfig): void {
    this.#version = config.references.version
    const added = this.#known.want(config.references.references)
    for (const id of this.#known.managers) {
      const manager = this.#manager(id)
      const paths = this.#known.pathsOf(id)
      if (paths.size > 0) this.#configure(config, id, manager)
      else this.#retire(manager)
      manager.secrets.want(paths)
    }
    // Of a secret that is read already, another field may be wanted.
    for (const { address } of added) this.#manager(address.manager).secrets.hurry(pathOf(address))
  }

  #manager(id: string): Manager {
    const known = this.#managers.get(id)
    if (known !== undefined) return known
    const secrets = new SecretManager({
      log: this.#options.log.child({ manager: id }),
      ttlMs: () => this.ttlMs,
      onRead: (path, fields) => this.#took(id, path, fields),
      onRefused: (path, reason) => {
        for (const secret of this.#known.at(id, path)) this.#fail(secret, reason)
      },
      onOutage: (reason) => this.#setReason(id, reason),
    })
    const manager = { secrets, fingerprint: '', reason: undefined, loggedAt: 0 }
    this.#managers.set(id, manager)
    return manager
  }

  #configure(config: ServingConfig, id: string, manager: Manager): void {
    const served = config.served('secrets', id)
    const object = served && withSecrets(served.body, served.secrets)
    const fingerprint = JSON.stringify(object) ?? 'none'
    if (fingerprint === manager.fingerprint) return
    manager.fingerprint = fingerprint
    try {
      if (object === undefined) throw new Error('is not there')
      const { environment } = this.#options
      const reader = createVaultReader(object as unknown as VaultObject, environment)
      this.#setReason(id, undefined)
      manager.secrets.reader = reader
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn({ manager: id, reason }, 'secret manager can not be asked')
      manager.secrets.reader = undefined
      this.#setReason(id, reason)
    }
  }

  /** Nothing is wanted of it. */
  #retire(manager: Manager): void {
    manager.fingerprint = ''
    manager.reason = undefined
    manager.secrets.reader = undefined
  }

  /** Says why a manager's secrets can't be read; objects that wait for one show it. */
  #setReason(id: string, reason: string | undefined): void {
    this.#manager(id).reason = reason
    for (const { reference, address, value } of this.#known.wanted()) {
      if (address.manager === id && value === undefined) this.#tell(reference)
    }
    this.#progress()
  }

  /** True when all that is wanted of the secret is there. */
  #took(id: string, path: string, fields: SecretFields): boolean {
    let isComplete = true
    for (const secret of this.#known.at(id, path)) {
      const found = fieldOf(fields, secret.address.field)
      if ('reason' in found) {
        isComplete &&= secret.unwantedSince !== undefined
        this.#fail(secret, found.reason)
        continue
      }
      secret.reason = undefined
      secret.isRemembered = false
      if (found.value === secret.value) continue
      secret.value = found.value
      this.#tell(secret.reference)
    }
    this.#progress()
    return isComplete
  }

  /** Its last value serves on, if there is one. */
  #fail(secret: KnownSecret, reason: string): void {
    if (secret.reason === reason) return
    secret.reason = reason
    const { reference, value, address } = secret
    const manager = this.#manager(address.manager)
    const now = performance.now()
    if (now - manager.loggedAt >= LOG_GAP_MS) {
      manager.loggedAt = now
      const fields = { manager: address.manager, reference, reason, hasValue: value !== undefined }
      this.#options.log.warn(fields, 'secret can not be read')
    }
    if (value === undefined) this.#tell(reference)
    this.#progress()
  }

  #progress(): void {
    for (const look of this.#watchers) look()
  }

  #tell(reference: string): void {
    this.#changed.add(reference)
    this.#timer ??= setTimeout(() => {
      const references = [...this.#changed]
      this.#changed = new Set()
      this.#timer = undefined
      this.#options.onChange(references)
    }, GATHER_MS)
  }
}
