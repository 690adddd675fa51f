exports.randomUUID = require("node:crypto").randomUUID;
