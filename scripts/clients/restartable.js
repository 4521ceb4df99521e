// A server of the caller's own, which can be stopped and started again on the same port with the same data.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const START_LIMIT_MS = 60_000;
const POLL_MS = 20;

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function answersPing(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('data', (reply) => {
      resolve(reply.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

class RestartableServer {
  constructor(binary, port) {
    this.binary = binary;
    this.port = port;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'catamaran-restart-'));
    this.child = null;
  }

  static async create(binary) {
    const server = new RestartableServer(binary, await freePort());
    await server.start();
    return server;
  }

  async start() {
    // With an append-only file, Redis keeps its data over a restart too.
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', '--appendonly', 'yes'];
    this.child = spawn(this.binary, options, { stdio: 'ignore' });
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await answersPing(this.port))) {
      if (this.child.exitCode !== null || Date.now() > deadline) throw new Error('the restarted server does not answer');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }

  async remove() {
    await this.stop('SIGKILL');
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

module.exports = { RestartableServer };
