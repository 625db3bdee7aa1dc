// Names and addresses for a lane and its threads. One server of the test, on this machine, stands for all that is public.
// A lane drops NODE_OPTIONS but for the hooks of Plug'n'Play: hence this file's name.
const dns = require('node:dns');
const { syncBuiltinESMExports } = require('node:module');
const { Socket } = require('node:net');

const PUBLIC = '93.184.215.14';
const NAMES = {
  'open.example': [PUBLIC],
  'secret.example': ['10.0.0.1'],
  // One that is public makes no difference.
  'both.example': [PUBLIC, '10.0.0.2'],
};

dns.lookup = (name, options, callback) => {
  const found = NAMES[name].map((address) => ({ address, family: 4 }));
  process.nextTick(() =>
    options.all ? callback(null, found) : callback(null, found[0].address, found[0].family),
  );
};
syncBuiltinESMExports();

const { connect } = Socket.prototype;
Socket.prototype.connect = function connectByName(...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  if (!options.lookup) return connect.apply(this, args);
  options.lookup(options.host, { all: true }, (error, found) => {
    if (error) this.destroy(error);
    else if (found.some(({ address }) => address !== PUBLIC)) this.destroy(new Error('connected in private'));
    else connect.call(this, { host: '127.0.0.1', port: options.port });
  });
  return this;
};
