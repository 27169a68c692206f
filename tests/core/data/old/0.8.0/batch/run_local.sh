#!/bin/sh

here=$(readlink -f $(dirname $0))

cd $here/9c11cef5-ed91-4a95-af37-039168de49a4; sh jobscript_local  # run_seq=0 pset_seq=0
cd $here/305b90e3-cfdd-4e22-b274-919c4080b515; sh jobscript_local  # run_seq=0 pset_seq=1
cd $here/54692ce9-c954-4cb2-9019-8718c1b5577d; sh jobscript_local  # run_seq=0 pset_seq=2
