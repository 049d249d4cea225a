// Stylesheets are bundled by their import; as modules they have nothing to say.
declare module '*.css';
