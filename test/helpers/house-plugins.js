// Plugins as a user of Holdfast would write them: plain JavaScript, no import of ours.

const anything = { type: 'object' }

/** Says which phases ran, in order, to the node and to the client. */
const trace = {
  contract: 1,
  name: 'trace',
  priority: 100,
  schema: { type: 'object', properties: { tag: { type: 'string', default: 'T' } } },
  create({ tag }) {
    const note = (request, phase) => {
      const before = request.getVariable('trace')
      const step = `${tag}:${phase}`
      request.setVariable('trace', before === undefined ? step : `${before} ${step}`)
    }
    return {
      rewrite: (request) => note(request, 'rewrite'),
      access: (request) => note(request, 'access'),
      beforeProxy: (request) => {
        note(request, 'beforeProxy')
        request.headers.push('x-trace', request.getVariable('trace'))
      },
      headerFilter: (request, head) => {
        note(request, 'headerFilter')
        head.headers.push('x-trace', request.getVariable('trace'))
      },
    }
  },
}

/** Answers by itself; a promise if asked to. */
const answer = {
  contract: 1,
  name: 'answer',
  priority: 50,
  schema: anything,
  create({ status = 200, body, late = false, headers }) {
    const reply = { status, body, headers }
    return { access: () => (late ? Promise.resolve(reply) : reply) }
  },
}

/** Fails where its configuration says. */
const faulty = {
  contract: 1,
  name: 'faulty',
  priority: 60,
  schema: anything,
  create({ phase, late = false }) {
    if (phase === 'create') throw new Error('this configuration makes no sense')
    const fail = () => {
      if (late) return Promise.reject(new Error('failed late'))
      throw new Error('failed')
    }
    return { [phase]: fail }
  },
}

/** Turns bodies to upper case; whole ones if asked to. */
const shout = {
  contract: 1,
  name: 'shout',
  priority: 40,
  schema: anything,
  create({ whole = false, late = false, request: ofRequest = false, limit }) {
    const upper = (chunk) => Buffer.from(chunk.toString().toUpperCase())
    const access = async (request) => {
      request.replaceBody(upper(await request.readBody(limit)))
    }
    if (ofRequest) return { access }
    if (whole) return { headerFilter: (_, head) => head.replaceBody('REPLACED') }
    const transform = (chunk) => (late ? Promise.resolve(upper(chunk)) : upper(chunk))
    return { bodyFilter: () => ({ transform, flush: () => Buffer.from('!') }) }
  },
}

/** Knows consumers by a header. */
const badge = {
  contract: 1,
  name: 'badge',
  priority: 2500,
  type: 'auth',
  schema: anything,
  consumerSchema: {
    type: 'object',
    properties: { id: { type: 'string' } },
    required: ['id'],
  },
  encryptFields: { fields: [], consumerFields: ['id'] },
  credentialKey: ({ id }) => id,
  create(_, host) {
    return {
      rewrite(request) {
        const at = request.headers.indexOf('x-badge')
        const entry = host.consumers.find(request.headers[at + 1] ?? '')
        if (entry === undefined) return { status: 401, body: { message: 'no badge' } }
        host.consumers.attach(request, entry)
      },
    }
  },
}

export default [trace, answer, faulty, shout, badge]
