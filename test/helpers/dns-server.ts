import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { TestContext } from 'node:test'

/** Records of one name; times to live in seconds. */
export interface DnsRecords {
  ttl?: number
  a?: string[]
  aaaa?: string[]
  srv?: { priority: number; weight: number; port: number; target: string }[]
  cname?: string
}

/** What the server says of a name: records, or one of the ways to fail. */
export type DnsAnswer = DnsRecords | 'nxdomain' | 'servfail' | 'refused' | 'silence' | 'garbage'

const TYPES = { a: 1, cname: 5, aaaa: 28, srv: 33 } as const
const CODES: Record<string, number> = { servfail: 2, nxdomain: 3, refused: 5 }
const TRUNCATED = 0x0200
const RESPONSE = 0x8180

/** A DNS server for a test: real packets over UDP and TCP, answers that the test changes at will. */
export class DnsServer {
  /** By lower-case name; what is not here does not exist. */
  readonly names = new Map<string, DnsAnswer>()
  /** Questions so far, `NAME type`. */
  readonly questions: string[] = []
  /** Answer over UDP that the answer is too long for it. */
  truncate = false
  readonly #udp: Socket
  readonly #tcp: Server
  readonly #waiters = new Set<() => void>()

  constructor(udp: Socket, tcp: Server) {
    this.#udp = udp
    this.#tcp = tcp
    udp.on('message', (message, from) => this.#answerUdp(message, from))
    tcp.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('data', (data: Buffer) => {
        const reply = this.#reply(data.subarray(2), false)
        if (reply === undefined) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(reply.length)
        socket.end(Buffer.concat([length, reply]))
      })
    })
  }

  /** `address:port`, for HOLDFAST_DNS_RESOLVERS. */
  get address(): string {
    return `127.0.0.1:${(this.#udp.address() as AddressInfo).port}`
  }

  /** Waits until a question fits, also one that was asked before. */
  async asked(isIt: (questions: readonly string[]) => boolean): Promise<void> {
    while (!isIt(this.questions)) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  stop(): void {
    this.#udp.close()
    this.#tcp.close()
  }

  #answerUdp(message: Buffer, from: RemoteInfo): void {
    const reply = this.#reply(message, this.truncate)
    if (reply !== undefined) this.#udp.send(reply, from.port, from.address)
  }

  #reply(query: Buffer, truncate: boolean): Buffer | undefined {
    const { name, type, end } = readQuestion(query)
    this.questions.push(`${name} ${type}`)
    for (const wake of this.#waiters) wake()
    this.#waiters.clear()
    const answer = this.names.get(name.toLowerCase()) ?? 'nxdomain'
    if (answer === 'silence') return undefined
    if (answer === 'garbage') return Buffer.from([...query.subarray(0, 2), 1, 2, 3])
    const records = typeof answer === 'string' || truncate ? [] : recordsOf(answer, type)
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    const code = typeof answer === 'string' ? (CODES[answer] ?? 0) : 0
    header.writeUInt16BE(RESPONSE | code | (truncate ? TRUNCATED : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, query.subarray(12, end), ...records])
  }
}

/** Starts a server that ends with the test. */
export async function startDnsServer(t: Pick<TestContext, 'after'>): Promise<DnsServer> {
  const { udp, tcp } = await listenOnOnePort()
  const server = new DnsServer(udp, tcp)
  t.after(() => server.stop())
  return server
}

/** A port that is free for UDP may not be for TCP: another one then. */
async function listenOnOnePort(attempts = 50): Promise<{ udp: Socket; tcp: Server }> {
  const udp = createSocket('udp4')
  const tcp = createServer()
  udp.bind(0, '127.0.0.1')
  await once(udp, 'listening')
  try {
    tcp.listen((udp.address() as AddressInfo).port, '127.0.0.1')
    await once(tcp, 'listening')
    return { udp, tcp }
  } catch (error) {
    udp.close()
    if (attempts === 0) throw error
    return listenOnOnePort(attempts - 1)
  }
}

function readQuestion(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = 12
  while ((query[at] ?? 0) > 0) {
    const length = query[at] ?? 0
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const code = query.readUInt16BE(at + 1)
  const type = Object.entries(TYPES).find(([, value]) => value === code)?.[0] ?? `${code}`
  return { name: labels.join('.'), type, end: at + 5 }
}

function recordsOf(records: DnsRecords, asked: string): Buffer[] {
  const { ttl = 60, a = [], aaaa = [], srv = [], cname } = records
  const found: Buffer[] = []
  const owner = cname === undefined || asked === 'srv' ? POINTER_TO_QUESTION : encodeName(cname)
  if (cname !== undefined)
    found.push(record(POINTER_TO_QUESTION, TYPES.cname, ttl, encodeName(cname)))
  if (asked === 'a') for (const ip of a) found.push(record(owner, TYPES.a, ttl, encodeV4(ip)))
  if (asked === 'aaaa')
    for (const ip of aaaa) found.push(record(owner, TYPES.aaaa, ttl, encodeV6(ip)))
  if (asked !== 'srv') return found
  for (const { priority, weight, port, target } of srv) {
    const numbers = Buffer.alloc(6)
    numbers.writeUInt16BE(priority, 0)
    numbers.writeUInt16BE(weight, 2)
    numbers.writeUInt16BE(port, 4)
    found.push(record(owner, TYPES.srv, ttl, Buffer.concat([numbers, encodeName(target)])))
  }
  return found
}

const POINTER_TO_QUESTION = Buffer.from([0xc0, 0x0c])

function record(owner: Buffer, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => [label.length, ...Buffer.from(label, 'latin1')])
  return Buffer.from([...labels.flat(), 0])
}

function encodeV4(ip: string): Buffer {
  return Buffer.from(ip.split('.').map(Number))
}

/** `::` at most once. */
function encodeV6(ip: string): Buffer {
  const [head = '', tail = ''] = ip.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const bytes = Buffer.alloc(16)
  for (const [i, group] of [...left, ...zeros, ...right].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2)
  }
  return bytes
}
