/**
 * Parts of node:http. An `import` of that module reads all that it exports, `WebSocket` among it,
 * which loads an undici of Node's own: 40 ms of each process's start.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http')
