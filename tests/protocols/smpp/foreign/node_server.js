// An SMSC by npm smpp. Reads its orders as JSON from the first line of standard input, writes where it listens, serves
// until standard input ends, and writes what it was sent.
'use strict';
const smpp = require('smpp');
const THROTTLED = 0x58;

const seen = { parts: [], binds: [], unbinds: 0, throttled: 0, receipts: 0, refused: 0 };
let input = '';
let server = null;
process.stdin.on('data', (chunk) => {
  input += chunk;
  if (server === null && input.includes('\n')) listen(JSON.parse(input));
});
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
});

function listen(orders) {
  const options = orders.key ? { key: orders.key, cert: orders.cert } : {};
  server = smpp.createServer(options, (session) => serve(session, orders));
  server.listen(0, '127.0.0.1', () => process.stdout.write(server.address().port + '\n'));
}

let next = 0xa00000;
let submits = 0;

function serve(session, orders) {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    seen.binds.push({ system_id: pdu.system_id, password: pdu.password, version: pdu.interface_version });
    session.send(pdu.response({ system_id: 'node' }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    seen.unbinds += 1;
    session.send(pdu.response());
    session.close();
  });
  session.on('submit_sm', (pdu) => {
    submits += 1;
    if (submits % orders.throttle_every === 0) {
      seen.throttled += 1;
      session.send(pdu.response({ command_status: THROTTLED }));
      return;
    }
    const id = next++;
    const header = pdu.short_message.udh ? Buffer.concat(pdu.short_message.udh).toString('hex') : '';
    seen.parts.push([pdu.destination_addr, pdu.short_message.message, header]);
    // Hexadecimal here, decimal in the receipt.
    session.send(pdu.response({ message_id: id.toString(16).toUpperCase() }));
    if (pdu.registered_delivery === 1) receipt(session, pdu, id);
  });
}

function receipt(session, pdu, id) {
  session.deliver_sm({
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
    short_message: 'id:' + id + ' sub:001 dlvrd:001 submit date:2611221730 done date:2611221731 stat:DELIVRD err:000 text:',
  }, (answer) => {
    if (answer.command_status === 0) seen.receipts += 1;
    else seen.refused += 1;
  });
}
