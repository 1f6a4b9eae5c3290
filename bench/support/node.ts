import { createServer } from 'node:net'

// A node that costs next to nothing: it answers 1 KiB to whatever ends like a request head.
const BODY = 'x'.repeat(1024)
const HEAD = ['HTTP/1.1 200 OK', 'Content-Type: text/plain', `Content-Length: ${BODY.length}`]
const ANSWER = Buffer.from(`${HEAD.join('\r\n')}\r\n\r\n${BODY}`)

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    if (chunk.includes('\r\n\r\n')) socket.write(ANSWER)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
