import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { ENVELOPE_MARK } from '../secret-value.ts'

/** A PEM text and the name of the field that holds it. */
export interface PemField {
  name: string
  pem: string
}

/** What is wrong with a certificate and its private key; never quotes either. */
export function checkCertificate(cert: PemField, key: PemField): string | undefined {
  const certificate = parseCertificate(cert.pem)
  if (!certificate) return failed(cert.name, 'failed to parse cert: expected a PEM certificate')
  // Encrypted: whoever serves or stores it opens it first, so here it can only be taken on trust.
  if (key.pem.startsWith(ENVELOPE_MARK)) return undefined
  const privateKey = parseKey(key.pem)
  if (!privateKey) {
    return failed(key.name, 'failed to parse key: expected a PEM private key without a passphrase')
  }
  return certificate.checkPrivateKey(privateKey)
    ? undefined
    : failed(key.name, `the private key does not belong to the certificate in "${cert.name}"`)
}

/** What is wrong with a certificate authority's certificate. */
export function checkAuthority(ca: PemField): string | undefined {
  return parseCertificate(ca.pem)
    ? undefined
    : failed(ca.name, 'failed to parse cert: expected a PEM certificate')
}

function failed(name: string, problem: string): string {
  return `property "${name}" validation failed: ${problem}`
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}
