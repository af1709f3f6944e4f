/** @grpc/grpc-js, unary calls without TLS. Messages are bytes as they are: there is no protobuf to pay for. */
import { packageOf } from '../missing.js';

export const name = 'gRPC';

const asItIs = (bytes) => bytes;
const method = (path) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
});
const STORE = { put: method('/Store/put'), get: method('/Store/get') };
const NOTHING = Buffer.alloc(0);

export async function serve(address, bytes) {
  const { Server, ServerCredentials } = await packageOf('@grpc/grpc-js');
  const server = new Server();
  let value = Buffer.alloc(bytes, 'x');
  server.addService(STORE, {
    put(call, answer) {
      value = call.request;
      answer(null, NOTHING);
    },
    get: (_, answer) => answer(null, value),
  });
  const port = await new Promise((resolve, reject) => {
    server.bindAsync(`${address}:0`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port };
}

export async function open(host, port, bytes) {
  const { credentials, makeGenericClientConstructor } = await packageOf('@grpc/grpc-js');
  const Client = makeGenericClientConstructor(STORE, 'Store');
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const payload = Buffer.alloc(bytes, 'x');
  const call = (what, request) =>
    new Promise((resolve, reject) => {
      client[what](request, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  return {
    put: () => call('put', payload),
    get: () => call('get', NOTHING),
  };
}
