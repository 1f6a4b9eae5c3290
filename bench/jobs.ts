// What is cheaper where: work done inline against the same work in a thread.
// node bench/jobs.ts [rounds]
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createJobPool, type JobPool } from '../src/jobs/job-pool.ts'
import { JOBS, type JobInput, type JobName } from '../src/jobs/jobs.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const SIGNED = 'h'.repeat(300)

interface Task<N extends JobName = JobName> {
  label: string
  name: N
  input: JobInput<N>
}

function signatureTask(
  label: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  hash: string | undefined,
  pss = false,
): Task {
  const { publicKey, privateKey } = keys
  const signature = sign(hash ?? null, Buffer.from(SIGNED), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
    ...(pss && {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const input = { publicKey: pem, hash, pss, signed: SIGNED, signature }
  return { label, name: 'verify-signature', input }
}

function textTask(bytes: number, pattern: string): Task {
  const text = Buffer.from('some words of text, 12345 and so on\n'.repeat(bytes / 36 + 1)).subarray(
    0,
    bytes,
  )
  const changes = [{ pattern, flags: '', replacement: '#', all: true }]
  return {
    label: `replace ${pattern} in ${bytes / 1024} KiB`,
    name: 'replace-text',
    input: { text, changes },
  }
}

const TASKS: Task[] = [
  signatureTask(
    'verify RS256, 2048 bits',
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    'sha256',
  ),
  signatureTask(
    'verify RS256, 4096 bits',
    generateKeyPairSync('rsa', { modulusLength: 4096 }),
    'sha256',
  ),
  signatureTask(
    'verify PS256, 4096 bits',
    generateKeyPairSync('rsa', { modulusLength: 4096 }),
    'sha256',
    true,
  ),
  signatureTask('verify ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256'),
  signatureTask('verify ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384'),
  signatureTask('verify ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'sha512'),
  signatureTask('verify EdDSA', generateKeyPairSync('ed25519'), undefined),
  ...[1, 16, 64, 256].flatMap((kib) => [
    textTask(kib * 1024, 'words'),
    textTask(kib * 1024, '(\\w+)+[0-9]'),
  ]),
]

function inlineUs({ name, input }: Task): number {
  const startedAt = performance.now()
  const job = JOBS[name] as (input: unknown) => unknown
  let count = 0
  while (performance.now() - startedAt < 50) {
    job(input)
    count++
  }
  return ((performance.now() - startedAt) * 1000) / count
}

/** Time that the main thread spends on it, and time until the answer is there. */
async function threadUs(
  pool: JobPool,
  { name, input }: Task,
): Promise<{ main: number; all: number }> {
  const count = 100
  await pool.run(name, input as never, 60_000)
  const busy = performance.eventLoopUtilization()
  const startedAt = performance.now()
  for (let i = 0; i < count; i++) await pool.run(name, input as never, 60_000)
  const { active } = performance.eventLoopUtilization(busy)
  return { main: (active * 1000) / count, all: ((performance.now() - startedAt) * 1000) / count }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}

const pool = createJobPool({ maxThreads: 1, maxQueue: 1000 })
console.log(`${'task'.padEnd(40)} inline µs   thread: main µs   until done µs`)
for (const task of TASKS) {
  const inline: number[] = []
  const main: number[] = []
  const all: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    inline.push(inlineUs(task))
    const thread = await threadUs(pool, task)
    main.push(thread.main)
    all.push(thread.all)
  }
  const cells = [median(inline), median(main), median(all)].map((us) => us.toFixed(0).padStart(12))
  console.log(task.label.padEnd(40) + cells.join(' '))
}
await pool.stop()
