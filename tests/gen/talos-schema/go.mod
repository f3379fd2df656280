module gen/talos-schema

go 1.24
