#!/bin/sh

here=$(readlink -f $(dirname $0))

cd $here/e9a10810-b174-4ae5-b15a-43b8c4d68478; sh jobscript_local  # run_seq=0 pset_seq=0
cd $here/1c75e688-73a6-4b3f-a784-0bfd54b8ae60; sh jobscript_local  # run_seq=0 pset_seq=1
cd $here/a6b55bf3-f00e-441c-b083-989241f16ca6; sh jobscript_local  # run_seq=0 pset_seq=2
