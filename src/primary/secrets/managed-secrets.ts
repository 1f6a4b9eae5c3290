import { type SecretValue, withSecrets } from '../../model/secret-value.ts'
import { findManagedReferences } from '../../support/managed-references.ts'
import type { OpenedResource, ResourceSecrets } from '../../support/resource-secrets.ts'

/** What a reference stands for, or why that is not known. */
export type ManagedSecret = { value: string } | { reason: string }

/**
 * Secrets whose `open` puts what managers keep in place of the references in plugins. An object with
 * a reference that has no value can't be opened: its text must never pass for the secret.
 */
export function withManagedSecrets(
  secrets: ResourceSecrets,
  lookup: (reference: string) => ManagedSecret,
): ResourceSecrets {
  return {
    ...secrets,
    open(kind, body) {
      const opened = secrets.open(kind, body)
      const placed = findManagedReferences(opened.ok ? opened.body : body)
      if (placed.length === 0) return opened
      const references = [...new Set(placed.map(({ reference }) => reference))]
      if (!opened.ok) return { ...opened, references }
      const values: SecretValue[] = []
      for (const { path, reference } of placed) {
        const found = lookup(reference)
        if ('reason' in found) return refused(reference, found.reason, references)
        values.push({ path, value: found.value, managed: true })
      }
      const all = [...opened.secrets, ...values]
      return { ok: true, body: withSecrets(opened.body, values), secrets: all, references }
    },
  }
}

function refused(reference: string, reason: string, references: readonly string[]): OpenedResource {
  return { ok: false, reason: `secret ${reference} ${reason}`, references }
}
