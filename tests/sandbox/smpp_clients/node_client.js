// The job done by npm smpp. Reads it as JSON from standard input, writes what it saw to standard output.
'use strict';
const smpp = require('smpp');
const THROTTLED = 0x58;
const WINDOW = 10;

let input = '';
process.stdin.on('data', (chunk) => { input += chunk; });
process.stdin.on('end', () => work(JSON.parse(input)));

function work(job) {
  const done = { ids: [], receipts: {}, throttled: 0 };
  const todo = job.parts.slice();
  const options = { host: job.host, port: job.port };
  if (job.ca) Object.assign(options, { tls: true, ca: [job.ca] });
  let waiting = 0;
  let leaving = false;
  const session = smpp.connect(options, () => {
    session.bind_transceiver({ system_id: job.system_id, password: job.password, interface_version: 0x34 }, (pdu) => {
      if (pdu.command_status !== 0) throw new Error('bind: ' + pdu.command_status);
      next();
    });
  });
  session.on('error', (error) => { throw error; });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('deliver_sm', (pdu) => {
    session.send(pdu.response());
    done.receipts[pdu.receipted_message_id] = pdu.message_state;
    finish();
  });

  function next() {
    while (waiting < WINDOW && todo.length) send(todo.shift());
  }

  function send(part) {
    waiting += 1;
    session.submit_sm({
      source_addr_ton: 5, source_addr_npi: 0, source_addr: job.originator,
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: part.to,
      esm_class: 0x40, data_coding: 8, registered_delivery: 1,
      short_message: Buffer.from(part.short_message, 'hex'),
    }, (pdu) => {
      waiting -= 1;
      if (pdu.command_status === THROTTLED) {
        done.throttled += 1;
        setTimeout(() => { todo.push(part); next(); }, 100);
        return;
      }
      if (pdu.command_status !== 0) throw new Error('submit: ' + pdu.command_status);
      done.ids.push(pdu.message_id);
      next();
    });
  }

  function finish() {
    if (leaving || Object.keys(done.receipts).length < job.parts.length) return;
    leaving = true;
    session.unbind({}, (pdu) => {
      if (pdu.command_status !== 0) throw new Error('unbind: ' + pdu.command_status);
      session.close(() => process.stdout.write(JSON.stringify(done)));
    });
  }
}
