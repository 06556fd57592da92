"""The contract of a Dynamo-style node, generated from the .proto files beside this one."""
