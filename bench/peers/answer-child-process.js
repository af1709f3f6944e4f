/** The other side of alternatives/child-process.js: REPLY_BYTES. */
const reply = 'x'.repeat(Number(process.argv[2]));

process.once('disconnect', () => process.exit());
process.on('message', () => process.send(reply));
process.send('ready');
