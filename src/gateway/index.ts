export { createGateway, type GatewayOptions } from './gateway.ts';
export { isOpen } from './open-gateway.ts';
export { type ServedGateway, serveGateway } from './serve.ts';
